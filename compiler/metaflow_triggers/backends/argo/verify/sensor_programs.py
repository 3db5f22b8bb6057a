"""Read text: what the little programs in a Sensor say.

In:   a regular expression, a Lua script, a template of a start key, as a Sensor holds them.
Out:  the names, conditions and keys that they stand for; None (or the text itself) for anything that we do not write.

Not here: jq programs (they are compared as text; `patterns` says what they mean), what a flow means.
The inverse of `escape` and of the texts in `starts` and `sets`.
"""

from __future__ import annotations

import re

_LITERAL = r'"(?:[^"\\]|\\U[0-9a-f]{8})*"'
_LUA = r'"(?:[^"\\]|\\[0-9]{3})*"'

IDENTIFIED = '(type(body.id) == "string" and body.id ~= "")'
POSTED = (
    'type(event.header) == "table" and event.header["Ce-Specversion"] == nil'
    ' and type(event.header["Content-Type"]) == "table" and event.header["Content-Type"][1] == "application/json"'
)
CONDITIONS = {
    POSTED: "was posted as it is",
    IDENTIFIED: "has an id",
    f"not {IDENTIFIED}": "has no id",
    'type(payload.run_id) == "string" and payload.run_id ~= ""': "has a run",
    'tostring(payload["auto-generated-by-metaflow"]):lower() == "true"': "is Metaflow's own",
}

_FILTERED = "if event.passes ~= true then return false end\n"
_FOREIGN = "local payload = event\n"
_BODY = 'local body = event.body\nif type(body) ~= "table" then return false end\n'
_PAYLOAD = """local payload = {}
if type(body.payload) == "table" then payload = body.payload end
if type(body.keys) == "table" then
  local own = {}
  for _, key in ipairs(body.keys) do own[key] = payload[key] end
  payload = own
end
"""
_AT = """local function at(value, keys, first)
  if first > #keys then return value end
  if type(value) ~= "table" then return nil end
  for last = #keys, first, -1 do
    local found = at(value[table.concat(keys, ".", first, last)], keys, last + 1)
    if found ~= nil then return found end
  end
  return nil
end
"""
_GIVEN = re.compile(rf"payload\[({_LUA})\] ~= nil|at\(payload, \{{({_LUA}(?:, {_LUA})*)\}}, 1\) ~= nil")


def exact_name(regexp: str) -> str | None:
    """The only text that a Go regular expression of ours matches."""
    if not (regexp.startswith("^") and regexp.endswith("$")):
        return None
    body = regexp[1:-1]
    if not re.fullmatch(r"(?:[A-Za-z0-9_/ -]|\\\.|\\x\{[0-9a-f]+\})*", body):
        return None
    return re.sub(r"\\x\{([0-9a-f]+)\}", lambda match: chr(int(match[1], 16)), body.replace("\\.", "."))


def go_text(literal: str) -> str:
    """The text of a Go string literal of ours."""
    return re.sub(r"\\U([0-9a-f]{8})", lambda match: chr(int(match[1], 16)), literal[1:-1])


def lua_text(literal: str) -> str:
    """The text of a Lua string literal of ours."""
    raw = re.sub(rb"\\([0-9]{3})", lambda match: bytes([int(match[1])]), literal[1:-1].encode("utf-8", "surrogatepass"))
    return raw.decode("utf-8", "surrogatepass")


def script_conditions(script: str) -> tuple[str, ...]:
    """What a Lua script of ours asks for, sorted; the script itself when it is no such script.

    "filtered" and "foreign" tell how it reads the event; a field is `has <path>`, and `lacks one of <paths>`.
    """
    rest, out = script, []
    if rest.startswith(_FILTERED):
        out.append("filtered")
        rest = rest[len(_FILTERED) :]
    if rest.startswith(_FOREIGN):
        out.append("foreign")
        rest = rest[len(_FOREIGN) :]
    elif rest.startswith(_BODY):
        rest = rest[len(_BODY) :]
    else:
        return (script,)
    reads_payload = "foreign" in out or rest.startswith(_PAYLOAD)
    rest = rest.removeprefix(_PAYLOAD)
    reads_paths = rest.startswith(_AT)
    rest = rest.removeprefix(_AT)
    match = re.fullmatch(r"return (.*)\n", rest)
    found = _conditions(match[1]) if match else None
    if found is None:
        return (script,)
    needs_payload = any(
        item.startswith(("has a run", "is Metaflow", "has `", "lacks")) or (item.startswith("is for") and "`" in item)
        for item in found
    )
    if (needs_payload and not reads_payload) or ("at(payload" in rest and not reads_paths):
        return (script,)
    return tuple(sorted([*out, *found]))


def _alternatives(text: str) -> list[str] | None:
    """Of `not ((...) or (...))`: for each alternative the number of its filter, and the fields that it needs."""
    out = []
    for place, one in enumerate(text[1:-1].split(") or (event.")):
        match = re.fullmatch(r"(?:event\.)?passes_([0-9]+) == true(?: and (.*))?", one)
        fields = _fields(match[2] or "") if match else None
        if match is None or fields is None or int(match[1]) != place:
            return None
        out.append(" and ".join([f"filter {place}", *fields]))
    return [f"is for none of: {'; '.join(out)}"]


def _conditions(text: str) -> list[str] | None:
    if text == "true":
        return []
    several = re.fullmatch(r"not \((\(event\.passes_0 .*\))\)", text)
    if several:
        return _alternatives(several[1])
    out = []
    posted = text.removeprefix(f"{POSTED} and ")
    missing = re.fullmatch(r"not \((.*)\)", posted)
    if missing and posted not in CONDITIONS:
        fields = _fields(missing[1])
        lacks = [] if posted == text else [CONDITIONS[POSTED]]
        return None if fields is None else [*lacks, f"lacks one of {' '.join(fields)}"]
    for condition, meaning in CONDITIONS.items():
        if text == condition or text.startswith(f"{condition} and "):
            out.append(meaning)
            text = text[len(condition) :].removeprefix(" and ")
    if text:
        fields = _fields(text)
        if fields is None:
            return None
        out += [f"has {field}" for field in fields]
    return out


def _fields(text: str) -> list[str] | None:
    """The paths of `given(...) and given(...)`, sorted."""
    out, position = [], 0
    while position < len(text):
        match = _GIVEN.match(text, position)
        if match is None:
            return None
        keys = [match[1]] if match[1] is not None else re.findall(_LUA, match[2])
        out.append("`" + ".".join(lua_text(key) for key in keys) + "`")
        position = match.end()
        if position < len(text):
            if not text.startswith(" and ", position):
                return None
            position += len(" and ")
    return sorted(out)


_RUN = rf'\(printf "%s/%s" \.Input\.body\.payload\.run_id (?P<outcome>{_LITERAL})\)'
_KEY = re.compile(
    rf"(?P<prefix>[a-z0-9-]+)-\{{\{{ printf \"%s %s\" (?P<scope>{_LITERAL}) "
    rf"(?P<place>\.Input\.body\.id|\.Input\.id|{_RUN}) \| sha256sum \| trunc 40 \}}\}}"
)


def start_key(source: str, template: str) -> tuple[str, ...]:
    """(prefix of the run's name, scope, what tells the starts of the scope apart), or the template itself."""
    match = _KEY.fullmatch(template)
    if match is None:
        return (template,)
    place = match["place"]
    # `.Input` is the event's data in a dataTemplate and its envelope on the bus in a contextTemplate.
    if (place == ".Input.id") != (source == "contextTemplate"):
        return (template,)
    what = {".Input.body.id": "id", ".Input.id": "transport"}.get(place) or f"run/{go_text(match['outcome'])}"
    return match["prefix"], go_text(match["scope"]), what


SET_OPENING = '{{ $keys := "all" }}{{ range compact (splitList "," "'
SET_CLOSING = (
    '") }}{{ $key := splitList ":" . }}'
    '{{ $keys = printf "%s %s" $keys (ternary (last $key) (first $key) (eq (first $key) "none")) }}'
    "{{ end }}{{ $keys | sha256sum | trunc 40 }}"
)
_OWN = re.compile(
    r'\{\{ if and \(kindIs "string" \.Input\.body\.id\) \(ne "" \(toString \.Input\.body\.id\)\) \}\}'
    rf'\{{\{{ printf "%s %s" ({_LITERAL}) \.Input\.body\.id \| sha256sum \}}\}}\{{\{{ else \}}\}}none\{{\{{ end \}}\}}:'
)
_TRANSPORT = re.compile(rf'(none:)?\{{\{{ printf "%s %s" ({_LITERAL}) \.Input\.id \| sha256sum \}}\}},')
_OUTCOME = re.compile(
    rf'\{{\{{ printf "%s %s" ({_LITERAL}) \(printf "%s/%s" \.Input\.body\.payload\.run_id '
    rf"\(trimPrefix ({_LITERAL}) \.Input\.body\.name\)\) \| sha256sum \}}\}}:,"
)


def set_key(source: str, template: str) -> tuple[str, ...]:
    """What one write adds to the key of a whole set, or the template itself."""
    if source == "dataTemplate":
        if match := _OWN.fullmatch(template):
            return ("id", go_text(match[1]))
        if match := _OUTCOME.fullmatch(template):
            return ("run", go_text(match[1]), go_text(match[2]))
    if source == "contextTemplate" and (match := _TRANSPORT.fullmatch(template)):
        return ("only transport" if match[1] else "transport", go_text(match[2]))
    return (template,)
