"""Checks: mistakes in the emitted objects that neither Argo's schemas nor its validators notice.

In:   a flow's objects, as they will be written.
Out:  diagnostics: FT405 for a Sensor that is too large, FT601 for everything else (then it is a mistake of ours).

Not here: what the closed schemas catch, the user's mistakes. Each rule names the place in Argo's sources where the
mistake shows only at run time: argo-events 1.9.11, argo-workflows 4.1.2.
"""

from __future__ import annotations

import json
import re
import zoneinfo
from collections.abc import Iterable, Iterator
from typing import Any

from ....diagnostics import Diagnostic
from ....diagnostics.ours import our_mistakes
from ....model.flows import Flow
from ...shape import Manifest
from ..compile.patterns import PASSES
from . import code_references, step_references

SENSOR_LIMIT = 131_072
"""Bytes of one environment string (MAX_ARG_STRLEN of Linux): the Sensor's pod gets its Sensor in one."""

RESERVED = frozenset(
    (
        *("and", "or", "not", "in", "matches", "contains", "startsWith", "endsWith", "nil", "true", "false"),
        *("let", "if", "else", "Expression"),
    )
)
"""Words that the two expression languages read as their own; `Expression` is the key of the stored conditions."""

_DEPENDENCY = re.compile(r"[a-z][a-z0-9]{0,62}")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_TRIGGER = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_EVENT_SOURCE = re.compile(r"[a-z]([-a-z0-9]{0,45}[a-z0-9])?")
_EVENT = re.compile(r"[A-Za-z0-9_-]+")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_DURATION = re.compile(r"([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h))+")
_WORD = re.compile(r"\s*(\w+|&&|\|\||[()]|.)")
_CRON_FIELD = re.compile(r"[0-9A-Za-z*?,/#-]+")
_KINDS = ("k8s", "log")


def found_in(manifests: Iterable[Manifest], flow: Flow) -> list[Diagnostic]:
    """Everything that is wrong with the objects."""
    found = []
    for manifest in manifests:
        if manifest.content["kind"] == "Sensor":
            size = sensor_size(manifest.content)
            if size > SENSOR_LIMIT:
                found.append(_too_large(manifest.content, flow, size))
        found += our_mistakes(f"{manifest.path}:", mistakes(manifest.content))
    return found


def mistakes(item: Any) -> Iterator[str]:
    """What is wrong with one object."""
    rules = {
        "Sensor": sensor_mistakes,
        "EventSource": event_source_mistakes,
        "CronWorkflow": cron_workflow_mistakes,
        "WorkflowTemplate": workflow_template_mistakes,
    }.get(item["kind"])
    if rules is not None:
        yield from rules(item)


def sensor_size(sensor: Any) -> int:
    """Bytes of the pod's `SENSOR_OBJECT` (pkg/reconciler/sensor/resource.go), with name and closing zero."""
    given = {
        "metadata": {"name": sensor["metadata"]["name"], "namespace": sensor["metadata"]["namespace"]},
        "spec": sensor["spec"],
        "status": {},
    }
    text = json.dumps(given, ensure_ascii=False, separators=(",", ":"))
    # Go writes these as \u003c; a stamp `creationTimestamp` and omitted fields stay below the slack of 200.
    size = len(text.encode("utf-8", "surrogatepass")) + 5 * sum(text.count(mark) for mark in "<>&") + 200
    return len("SENSOR_OBJECT=") + (size + 2) // 3 * 4 + 1


def _too_large(sensor: Any, flow: Flow, size: int) -> Diagnostic:
    count = len(sensor["spec"]["dependencies"])
    return Diagnostic(
        "FT405",
        f"the Sensor of `{flow.name}` takes {size} bytes with {count} ways to start; Argo Events can give its pod "
        f"{SENSOR_LIMIT}",
        flow.triggers[0].span if flow.triggers else flow.span,
        helps=("wait for fewer events, or for one name with the difference in the payload",),
    )


# Sensor ------------------------------------------------------------------------------------------------------------


def sensor_mistakes(sensor: Any) -> Iterator[str]:
    """pkg/reconciler/sensor/validate.go looks at none of these."""
    yield from _name(sensor, _LABEL)
    spec = sensor["spec"]
    declared = [item["name"] for item in spec["dependencies"]]
    for name in sorted({name for name in declared if declared.count(name) > 1}):
        yield f"declares the dependency `{name}` twice; the last one would count"
    for item in spec["dependencies"]:
        yield from _dependency(item)
    names: set[str] = set()
    used: set[str] = set()
    for trigger in spec["triggers"]:
        for one in (trigger, *([trigger["dlqTrigger"]] if "dlqTrigger" in trigger else [])):
            name = one.get("template", {}).get("name", "")
            if name in names:
                yield f"has two triggers `{name}`"
            names.add(name)
            yield from (f"trigger `{name}` {told}" for told in _trigger(one, declared))
        used |= set(re.findall(r"\w+", trigger.get("template", {}).get("conditions", "")))
    for name in declared:
        if name not in used:
            yield f"no trigger waits for the dependency `{name}`"


def _dependency(item: Any) -> Iterator[str]:
    name = item["name"]
    if not _DEPENDENCY.fullmatch(name):
        yield f"the dependency name `{name}` is not one word of lower-case letters and digits"
    if name in RESERVED:
        yield f"the dependency name `{name}` is a word of the condition language"
    if not _EVENT_SOURCE.fullmatch(item["eventSourceName"]):
        yield f"`{name}` names the event source `{item['eventSourceName']}`, which cannot be one"
    if not _EVENT.fullmatch(item["eventName"]):
        yield f"`{name}` names the event `{item['eventName']}`, which no subject can hold"
    filters = item.get("filters", {})
    for data in filters.get("data", []):
        if data.get("type") not in ("string", "number", "bool"):
            yield f"`{name}` filters by the type `{data.get('type')}`, which drops every event"
        if not data.get("value"):
            yield f"`{name}` filters by no value"
        for value in data.get("value", []):
            yield from (f"`{name}` has the regular expression {value!r}, {told}" for told in _regexp(value))
    if "exprs" in filters:
        yield f"`{name}` filters by an expression; a quote in it would let other events pass"
    if "script" not in filters and "data" not in filters:
        yield f"`{name}` lets every event pass"
    script = filters.get("script", "return true")
    if not re.search(r"(^|\n)return .+\n?$", script):
        yield f"the script of `{name}` does not end by returning something"
    if script.count("\nend") != len(re.findall(r"(^|\n)(?:if .* then|local function .*)(?=\n)", script)):
        yield f"the script of `{name}` does not close its blocks"
    if (f"event.{PASSES}" in script) != ("transform" in item):
        yield f"the script of `{name}` asks for a filter's answer that nothing gives, or does not ask for it"
    program = item.get("transform", {}).get("jq", "")
    if program.count("(") != program.count(")"):
        yield f"the jq program of `{name}` does not close its parentheses"


def _regexp(value: str) -> Iterator[str]:
    if not value.startswith("^") or not value.endswith("$") or value.endswith("\\$"):
        yield "which matches inside of other names"
    try:
        re.compile(re.sub(r"\\x\{[0-9a-f]+\}", "x", value))
    except re.error as error:
        yield f"which is none: {error}"


def _trigger(trigger: Any, declared: list[str]) -> Iterator[str]:
    template = trigger.get("template", {})
    if not _TRIGGER.fullmatch(template.get("name", "")):
        yield "has a name that no label and no key can hold"
    kinds = [kind for kind in _KINDS if kind in template]
    if len(kinds) != 1:
        yield f"does {len(kinds)} things instead of one"
    if "conditions" in template:
        yield from _conditions(template["conditions"], declared)
    elif "dlqTrigger" in trigger:
        yield "has no conditions and would wait for every dependency"
    for reset in template.get("conditionsReset", []):
        yield from _reset(reset.get("byTime", {}))
    yield from _delivery(trigger)
    if "k8s" in template and "conditions" in template:
        yield from _k8s(trigger, template, declared)
    if "log" not in trigger.get("dlqTrigger", {"template": {"log": {}}}).get("template", {}):
        yield from _record(trigger["dlqTrigger"], template, declared)


def _conditions(text: str, declared: list[str]) -> Iterator[str]:
    """Listener.getDependencyExpression: on an error the trigger never runs and the pod stays green."""
    words = _WORD.findall(text)
    depth, wants_name = 0, True
    for word in words:
        if word == "(":
            depth += 1
            good = wants_name
        elif word == ")":
            depth -= 1
            good = not wants_name and depth >= 0
        elif word in ("&&", "||"):
            good = not wants_name
            wants_name = True
        else:
            if word not in declared:
                yield f"waits for `{word}`, which is no dependency"
            good = wants_name
            wants_name = False
        if not good:
            yield f"has conditions that end or go wrong at `{word}`"
            return
    if depth or wants_name:
        yield "has conditions that end too early"


def _reset(by_time: Any) -> Iterator[str]:
    yield from _cron(by_time.get("cron", ""))
    yield from _timezone(by_time.get("timezone", ""))


def _cron(text: str) -> Iterator[str]:
    fields = text.split(" ")
    if len(fields) != 5 or not all(_CRON_FIELD.fullmatch(item) for item in fields):
        yield f"has the cron {text!r}, which is not five fields"


def _timezone(name: str) -> Iterator[str]:
    if not name:
        yield "has a cron without a timezone; that of the machine would count"
        return
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        # A machine without a time zone database cannot tell.
        if zoneinfo.available_timezones():
            yield f"has the timezone {name!r}, which is not known"


def _delivery(trigger: Any) -> Iterator[str]:
    if trigger.get("atLeastOnce") is not True:
        yield "is not atLeastOnce: neither tries nor its dead-letter trigger would have an effect"
    retry = trigger.get("retryStrategy", {})
    if not isinstance(retry.get("steps"), int) or retry["steps"] < 1:
        yield "has no number of tries"
    duration = retry.get("duration")
    if not isinstance(duration, str):
        yield f"waits {duration!r} between tries, which are nanoseconds"
    elif not _DURATION.fullmatch(duration):
        yield f"waits {duration!r} between tries, with which it would never run"
    limit = trigger.get("rateLimit")
    if limit is not None:
        count = limit.get("requestsPerUnit")
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            yield f"starts {count!r} runs per unit, a division by zero"
        if limit.get("unit", "Second") not in ("Second", "Minute", "Hour"):
            yield f"has the unit {limit['unit']!r}, which would be a second"


def _record(lost: Any, start: Any, declared: list[str]) -> Iterator[str]:
    """What tells of a start that was given up: it can be written, and its name is the Workflow's."""
    k8s = lost.get("template", {}).get("k8s", {})
    if k8s.get("operation") != "create":
        yield f"tells of a loss by the operation {k8s.get('operation')!r}, for which it has no right"
    waited = set(re.findall(r"\w+", start.get("conditions", "")))
    for write in [*lost.get("parameters", []), *k8s.get("parameters", [])]:
        into = lost["template"] if write in lost.get("parameters", []) else k8s.get("source", {}).get("resource")
        yield from _write(write, into, declared, waited)
    names = [write for write in start.get("k8s", {}).get("parameters", []) if write.get("dest") == "metadata.name"]
    if [write for write in k8s.get("parameters", []) if write.get("dest") == "metadata.name"] != names:
        yield "gives what tells of a loss another name than the Workflow"


def _k8s(trigger: Any, template: Any, declared: list[str]) -> Iterator[str]:
    k8s = template["k8s"]
    if k8s.get("operation") != "patch":
        yield f"has the operation {k8s.get('operation')!r}: a repeated event would be an error"
    resource = k8s["source"]["resource"]
    waited = set(re.findall(r"\w+", template.get("conditions", "")))
    named = set()
    for write in trigger.get("parameters", []):
        yield from _write(write, template, declared, waited)
    for write in k8s.get("parameters", []):
        yield from _write(write, resource, declared, waited)
        if write.get("dest") == "metadata.name":
            named.add(write.get("src", {}).get("dependencyName"))
    alternatives = waited if "&&" not in template.get("conditions", "") else set()
    for name in sorted(alternatives - named):
        yield f"gives the Workflow no name when `{name}` starts it"
    if not named:
        yield "gives the Workflow no name"
    if any(key in resource["spec"] for key in ("serviceAccountName", "entrypoint", "templates")):
        yield "makes a Workflow that says more than what starts it"
    arguments = [item["name"] for item in resource["spec"]["arguments"]["parameters"]]
    if len(set(arguments)) != len(arguments):
        yield "gives the Workflow one argument twice"


def _write(write: Any, into: Any, declared: list[str], waited: set[str]) -> Iterator[str]:
    """ApplyParams skips what it does not find (pkg/sensors/triggers/params.go)."""
    source = write.get("src", {})
    name = source.get("dependencyName")
    if name not in declared:
        yield f"writes from `{name}`, which is no dependency"
    elif name not in waited:
        yield f"writes from `{name}`, for which it does not wait"
    if sum(key in source for key in ("dataTemplate", "contextTemplate", "value", "dataKey", "contextKey")) != 1:
        yield f"writes to `{write.get('dest')}` from no place or from several"
    if write.get("operation", "overwrite") not in ("append", "overwrite", "prepend"):
        yield f"has the operation {write['operation']!r}"
    found = into
    for part in str(write.get("dest", "")).split("."):
        if isinstance(found, dict):
            found = found.get(part)
        elif isinstance(found, list) and part.isdigit() and int(part) < len(found):
            found = found[int(part)]
        else:
            found = None
    if not isinstance(found, str):
        yield f"writes to `{write.get('dest')}`, where nothing stands; it would have no effect"
    for key in ("dataTemplate", "contextTemplate"):
        text = source.get(key)
        # The opening half of a template that is completed before it is used ends inside of a text.
        if text is not None and text.count("{{") != text.count("}}") and not text.endswith('"'):
            yield f"has a template that does not close what it opens: {text[:60]!r}"
        if text is not None and re.search(r"\b(env|expandenv|getHostByName)\b", re.sub(r'"[^"]*"', "", text)):
            yield "has a template that reads the environment of the Sensor's pod"


# other objects -----------------------------------------------------------------------------------------------------


def event_source_mistakes(item: Any) -> Iterator[str]:
    """pkg/reconciler/eventsource/validate.go, pkg/eventsources/common/webhook/webhook.go."""
    yield from _name(item, _EVENT_SOURCE)
    spec = item["spec"]
    taken = set()
    for name, webhook in spec.get("webhook", {}).items():
        if not _EVENT.fullmatch(name):
            yield f"has the event `{name}`, which no subject can hold"
        if not str(webhook.get("endpoint", "")).startswith("/"):
            yield f"`{name}` has the endpoint {webhook.get('endpoint')!r}, which does not begin with a slash"
        if webhook.get("method") != "POST":
            yield f"`{name}` takes {webhook.get('method')!r} requests; only POST has a body"
        if not isinstance(webhook.get("port"), str) or not webhook["port"].isdigit():
            yield f"`{name}` has the port {webhook.get('port')!r}, expected digits as text"
        place = (webhook.get("port"), webhook.get("endpoint"))
        if place in taken:
            yield f"`{name}` shares port and endpoint with another event, which would get everything"
        taken.add(place)
        if "authSecret" not in webhook:
            yield f"`{name}` takes events from everybody"
    ports = {str(port["port"]) for port in spec.get("service", {}).get("ports", [])}
    for port, _ in sorted(taken, key=str):
        if str(port) not in ports:
            yield f"no service leads to port {port}"


def cron_workflow_mistakes(item: Any) -> Iterator[str]:
    """workflow/validate/validate.go allows 52 characters of a CronWorkflow's name."""
    yield from _name(item, _SUBDOMAIN, 52)
    spec = item["spec"]
    if not spec.get("schedules"):
        yield "has no schedule"
    for cron in spec.get("schedules", []):
        yield from _cron(cron)
    if spec.get("timezone") != "":  # the controller's own time, which only upstream's rules mean (`read_back`)
        yield from _timezone(spec.get("timezone", ""))
    when = spec.get("when", "{{= x }}")
    if not re.fullmatch(r"\{\{=[^{}\"\\\n]+\}\}", when):
        yield f"has a `when` that is not one expression as it can stand inside of JSON: {when[:60]!r}"
    if spec["workflowSpec"]["workflowTemplateRef"]["name"] != item["metadata"]["name"]:
        yield "starts another flow"


def workflow_template_mistakes(item: Any) -> Iterator[str]:
    """Where its templates lead, and what we add to upstream's."""
    yield from _name(item, _SUBDOMAIN, 63)
    spec = item["spec"]
    unnamed = [template for template in spec["templates"] if not isinstance(template.get("name"), str)]
    if unnamed:
        yield f"has {len(unnamed)} templates whose name is no text"
        return
    known = [template["name"] for template in spec["templates"]]
    for name in (spec["entrypoint"], spec.get("onExit", spec["entrypoint"])):
        if name not in known:
            yield f"goes to the template `{name}`, which is not there"
    arguments = [argument["name"] for argument in spec["arguments"]["parameters"]]
    for name in sorted({name for name in arguments if arguments.count(name) > 1}):
        yield f"has the argument `{name}` twice"
    yield from (*step_references.mistakes(spec), *code_references.mistakes(spec))
    exits = [template for template in spec["templates"] if template["name"].startswith("metaflow-triggers-")]
    for template in exits:
        for entry in template.get("container", {}).get("env", []):
            yield from _inert(entry)


def _inert(entry: Any) -> Iterator[str]:
    """A value of the exit handler holds no Argo tag but those that are encoded or cannot hold user's text."""
    allowed = ("{{workflow.name}}", "{{workflow.status}}", "{{=sprig.b64enc(")
    value = entry.get("value", "")
    if "{{" in value and not value.startswith(allowed):
        yield f"the exit handler's `{entry['name']}` holds a tag that Argo would fill in"


def _name(item: Any, pattern: re.Pattern[str], limit: int = 63) -> Iterator[str]:
    name = item["metadata"]["name"]
    if not pattern.fullmatch(name) or len(name) > limit:
        yield f"the name `{name}` does not fit"
