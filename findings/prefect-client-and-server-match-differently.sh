#!/bin/sh
# prefect 3.9.1 (PyPI), what the triggers of its automations match.
#
# Guess before running: `ResourceSpecification`, which `prefect.events` exports and the server has under the same name, says
# the same of one resource in both; and several negated values leave out each of them.
#
# Seen:
#   - `*.placed`, `order.*.eu` and `order?placed` match order.placed (order.placed.eu) on the server; in the client they
#     match nothing but themselves: there a star at the end is the only wildcard
#   - `["!red", "!blue"]` takes a resource of team red in both: one of the values has to fit, and red is not blue
#   - `"!red"` does not take a resource that has no team, in both
# A trigger that is tried with the client's class may say no, and its automation runs all the same.
#
# Fails if this changes. Needs Python 3.10 or newer with venv, and PyPI.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/python -m pip --quiet --disable-pip-version-check install prefect==3.9.1
cat >ask.py <<'PY'
from prefect.events import Resource, ResourceSpecification
from prefect.server.events.schemas.events import Resource as ServerResource
from prefect.server.events.schemas.events import ResourceSpecification as ServerSpecification


def ask(asked, value):
    labels = {"prefect.resource.id": "r", **({"label": value} if value else {})}
    client = ResourceSpecification.model_validate({"label": asked}).matches(Resource.model_validate(labels))
    server = ServerSpecification.model_validate({"label": asked}).matches(ServerResource.model_validate(labels))
    print(f"{asked} and {value}: client {client}, server {server}")


ask("order.*", "order.placed")
ask("*.placed", "order.placed")
ask("order.*.eu", "order.placed.eu")
ask("order?placed", "order.placed")
for asked in ("!red", ["!red", "!blue"]):
    for team in ("red", "blue", "green", None):
        ask(asked, team)
PY
PREFECT_HOME="$work/home" venv/bin/python ask.py >seen
cat seen
cat >expected <<'END'
order.* and order.placed: client True, server True
*.placed and order.placed: client False, server True
order.*.eu and order.placed.eu: client False, server True
order?placed and order.placed: client False, server True
!red and red: client False, server False
!red and blue: client True, server True
!red and green: client True, server True
!red and None: client False, server False
['!red', '!blue'] and red: client True, server True
['!red', '!blue'] and blue: client True, server True
['!red', '!blue'] and green: client True, server True
['!red', '!blue'] and None: client False, server False
END
diff expected seen
