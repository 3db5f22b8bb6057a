"""Notation: JSON Schema in few words.

In:   Python values that stand for what they allow. A dict is a closed object: a member is required unless its name
      ends in `?`; a name that starts with `^` is the pattern of names. Any other value allows itself alone, and so does
      a dict of nothing but such values. `Schema`, as the functions here give it, is taken as it is.
Out:  JSON Schema.

Not here: what is allowed anywhere.
"""

from __future__ import annotations

from typing import Any


class Schema(dict[str, Any]):
    """A finished schema."""


def schema(value: Any) -> Schema:
    """What a value of the notation stands for."""
    if isinstance(value, Schema):
        return value
    return closed(value) if isinstance(value, dict) else Schema(const=_plain(value))


def _plain(value: Any) -> Any:
    """A value that stands for itself alone, with all that is in it; anything else there is a mistake in a source."""
    if isinstance(value, dict):
        if isinstance(value, Schema) or any(key[-1:] == "?" or key[:1] == "^" for key in value):
            raise ValueError(f"allows more than itself, inside of what may not: {value}")
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def closed(members: dict[str, Any], **more: Any) -> Schema:
    """An object of these members and no others. `more` are further keywords, or others in the place of these."""
    patterns = {name: schema(value) for name, value in members.items() if name.startswith("^")}
    named = {name: schema(value) for name, value in members.items() if name not in patterns}
    required = [name for name in named if not name.endswith("?")]
    exact = required == list(named) and all(list(item) == ["const"] for item in named.values())
    if exact and not patterns and not more:
        return Schema(const={name: item["const"] for name, item in named.items()})
    out = Schema(type="object", additionalProperties=False)
    if named:
        out["properties"] = {name.removesuffix("?"): value for name, value in named.items()}
    if patterns:
        out["patternProperties"] = patterns
    if required:
        out["required"] = required
    return Schema(out | more)


def text(pattern: str | None = None, at_least: int | None = None, at_most: int | None = None) -> Schema:
    """A text."""
    told = {"pattern": pattern, "minLength": at_least, "maxLength": at_most}
    return Schema({"type": "string"} | _given(told))


def number(kind: str, at_least: int | None = None, at_most: int | None = None) -> Schema:
    """An `integer` or a `number`."""
    return Schema({"type": kind} | _given({"minimum": at_least, "maximum": at_most}))


def some(item: Any, at_least: int | None = 1, at_most: int | None = None, **more: Any) -> Schema:
    """A list of such items."""
    out = {"type": "array", "items": schema(item)} | _given({"minItems": at_least, "maxItems": at_most})
    return Schema(out | {key: schema(value) if isinstance(value, dict) else value for key, value in more.items()})


def in_order(items: list[Any], others: Any = False, at_most: int | None = None) -> Schema:
    """A list of these items, then of others."""
    size = {"minItems": len(items), "maxItems": at_most or len(items)}
    rest = others if others is False else schema(others)
    return Schema({"type": "array", "prefixItems": [schema(item) for item in items], "items": rest} | size)


def any_of(*values: Any) -> Schema:
    """One of these; where each stands for itself, an enumeration."""
    found = [schema(value) for value in values]
    if len(found) == 1:
        return found[0]
    if all(list(item) == ["const"] for item in found):
        return Schema(enum=[item["const"] for item in found])
    return Schema(anyOf=found)


def a(name: str) -> Schema:
    """What `$defs` of the document has under this name."""
    return Schema({"$ref": f"#/$defs/{name}"})


def open_object(*required: str, **more: Any) -> Schema:
    """An object of which others decide, but for these members."""
    return Schema({"type": "object"} | ({"required": list(required)} if required else {}) | more)


def named(name: str) -> Schema:
    """An object of this name."""
    return open_object("name", properties={"name": {"const": name}})


def either(test: Schema, then: Any, otherwise: Any) -> Schema:
    """If an object fits, this, and if not, that; what is found then says where."""
    return Schema({"type": "object", "if": test, "then": schema(then), "else": schema(otherwise)})


def document(
    path: str, title: str, root: Schema, defs: dict[str, Any] | None = None, **head: str
) -> dict[str, dict[str, Any]]:
    """Path -> a whole schema, with those of `defs` that it reaches."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": path, "title": title, **head}
    if defs is None:
        return {path: head | root}
    found = {name: schema(value) for name, value in defs.items()}
    reached: set[str] = set()
    waiting = [root]
    while waiting:
        new = _references(waiting.pop()) - reached
        reached |= new
        waiting += [found[name] for name in new]
    return {path: head | root | {"$defs": {name: item for name, item in found.items() if name in reached}}}


def _references(value: Any) -> set[str]:
    if isinstance(value, list):
        return {name for item in value for name in _references(item)}
    if not isinstance(value, dict):
        return set()
    own = {value["$ref"].rpartition("/")[2]} if "$ref" in value else set()
    return own | {name for key, item in value.items() if key not in ("const", "enum") for name in _references(item)}


def _given(keywords: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in keywords.items() if value is not None}
