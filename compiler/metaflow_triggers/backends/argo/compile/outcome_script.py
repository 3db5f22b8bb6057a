"""Outcome: tells the event sources how this run ended. Runs in the exit handler's container.

In:   METAFLOW_TRIGGERS_OUTCOME (flow, project, branch, template), _WORKFLOW, _STATUS, _FAILURES
      (base64 of Argo's `workflow.failures`, perhaps cut), _OUTCOME_WEBHOOK_URL and _TOKEN, _WEBHOOK_URL and _TOKEN,
      _WEBHOOK_ACCEPTED, _WEBHOOK_CA.
Out:  one event, at two places: where exit handlers alone publish, and, where its address is given, where every event
      goes, for flows that wait there. It is published when each has accepted it; a lost one is a line in this
      container's log. A flow takes outcomes from one of the two, and they have one id.

Not here: failing. A failed exit handler would turn a succeeded run into a failed one. The text of this file, below that
of the runtime's `webhook`, is the container's argument: it needs the standard library alone, and holds no Argo tag.
"""

import base64
import json
import os
import re
import time

from metaflow_extensions.triggers.plugins.webhook import FINAL, send  # its text stands above this one's

TRIES = 7
TEXT_LIMIT = 2000

GO_ESCAPES = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}


def unquote(text: str) -> str:
    """The text behind a Go string literal, also when its end is cut off."""

    def character(match: "re.Match[str]") -> str:
        code = match.group(1)
        if code[0] in "uUx" and len(code) > 1:
            number = int(code[1:], 16)
            return chr(number) if number < 0x110000 else "?"
        return chr(GO_ESCAPES.get(code, ord(code)))

    if not text.startswith('"'):
        return text
    body = text[1:-1] if len(text) > 1 and text.endswith('"') else text[1:]
    return re.sub(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[^xuU])", character, body)


def read_failures(encoded: str) -> "list[dict[str, str]]":
    """Argo's failed nodes; those before the cut if the text was cut."""
    text = unquote(base64.b64decode(encoded).decode("utf-8", "replace")).strip()
    found = []
    decoder = json.JSONDecoder(strict=False)
    position = text.find("{") if text.startswith("[") else -1
    while position >= 0:
        try:
            item, end = decoder.raw_decode(text, position)
        except ValueError:
            break
        if isinstance(item, dict):
            found.append({key: str(value or "") for key, value in item.items()})
        position = text.find("{", end)
    return found


def describe(status: str, failures: "list[dict[str, str]]") -> "tuple[str, str | None, str | None]":
    """Outcome, step and error text. The first failure with a message is the one that counts."""
    if status == "Succeeded":
        return "success", None, None
    messages = [item.get("message", "") for item in failures]
    if any("workflow shutdown with strategy" in message for message in messages):
        outcome = "aborted"
    elif any(message == "Step exceeded its deadline" for message in messages):
        outcome = "timeout"
    else:
        outcome = "failure"
    told = [item for item in failures if item.get("message") and not item["message"].startswith("child ")]
    told.sort(key=lambda item: (item.get("finishedAt", ""), item.get("displayName", "")))
    if not told:
        return outcome, None, None
    return outcome, told[0].get("templateName") or None, told[0]["message"][:TEXT_LIMIT]


def compose(environment: "dict[str, str]") -> "dict[str, object]":
    """The webhook body."""
    about = json.loads(environment["METAFLOW_TRIGGERS_OUTCOME"])
    run_id = "argo-" + environment["METAFLOW_TRIGGERS_WORKFLOW"]
    try:
        failures = read_failures(environment.get("METAFLOW_TRIGGERS_FAILURES", ""))
    except ValueError:
        failures = []
    outcome, step, error = describe(environment["METAFLOW_TRIGGERS_STATUS"], failures)
    payload = {"flow": about["flow"], "run_id": run_id, "outcome": outcome}
    if about.get("project"):
        payload["project"] = about["project"]
        payload["branch"] = about["branch"]
    if step is not None:
        payload["step"] = step
    if error is not None:
        payload["error"] = error
    return {
        "name": "metaflow.outcome.{}.{}".format(about["template"], outcome),
        "id": run_id + "/" + outcome,
        "timestamp": int(time.time()),
        "payload": payload,
        "keys": sorted(payload),
    }


def publish(
    body: "dict[str, object]",
    places: "list[tuple[str, str, str]]",
    accepted: str = "",
    wait: float = 1.0,
    ca: str = "",
) -> "dict[str, str]":
    """Why the event could not be published, by place. A token may come a moment later than the event source's.

    One place that does not answer takes nothing from the other: each has all tries.
    """
    data = json.dumps(body).encode("utf-8")
    lost = {}  # type: dict[str, str]
    for attempt in range(TRIES):
        if attempt:
            time.sleep(wait * 2 ** (attempt - 1))
        left = []
        for what, url, token in places:
            try:
                problem = send(url, token, data, accepted, 10, ca=ca)
            except Exception as error:  # nothing of a message whose words are not ours
                lost[what] = type(error).__name__
                continue
            lost.pop(what, None)
            if problem is not None:
                lost[what] = problem.why
                if problem.then != FINAL:
                    left.append((what, url, token))
        places = left
        if not places:
            break
    return lost


def places(environment: "dict[str, str]") -> "list[tuple[str, str, str]]":
    """(what it is, address, token), each address once. Where all events go is left out where nobody takes it there."""
    found = []  # type: list[tuple[str, str, str]]
    for what, kind in (("outcome", "OUTCOME_WEBHOOK"), ("outcome where all events go", "WEBHOOK")):
        url = environment.get("METAFLOW_TRIGGERS_" + kind + "_URL", "")
        if (url or not found) and url not in [other for _, other, _ in found]:
            found.append((what, url, environment.get("METAFLOW_TRIGGERS_" + kind + "_TOKEN", "")))
    return found


def main() -> None:
    try:
        environment = dict(os.environ)
        body = compose(environment)
        accepted = environment.get("METAFLOW_TRIGGERS_WEBHOOK_ACCEPTED", "")
        ca = environment.get("METAFLOW_TRIGGERS_WEBHOOK_CA", "")
        wait = float(environment.get("METAFLOW_TRIGGERS_OUTCOME_WAIT", "1"))
    except Exception as error:
        print("metaflow-triggers: outcome lost:", repr(error))
        return
    lost = publish(body, places(environment), accepted, wait, ca)
    for what in sorted(lost):
        print("metaflow-triggers: " + what + " lost: " + lost[what], body["id"])
    if not lost:
        print("published", body["name"], body["id"])


if __name__ == "__main__":
    main()
