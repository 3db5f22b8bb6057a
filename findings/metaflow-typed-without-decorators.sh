#!/bin/sh
# metaflow 2.19.39 with mypy 1.18.2 and metaflow-stubs 2.19.39 (PyPI).
#
# Guess before running: the package has `py.typed`, so a type checker knows the names that every flow imports; and where
# the stubs are installed, a wrong type of an argument of `@trigger` is found.
#
# Seen:
#   - metaflow alone:       FlowSpec, Parameter, step are known; `Module "metaflow" has no attribute` for retry, trigger,
#                           trigger_on_finish and project, which exist when the flow runs
#   - with metaflow-stubs:  all are known; `@trigger(evnt='a')` is an error, `@trigger(event=3)` is none
# The decorators are made while the package is imported, which a checker does not do. The stub says the type of `event`
# as a text with names that it does not import, which counts as any type.
#
# Fails if this changes. Needs Python 3.10 or newer with venv, and PyPI.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
pip() { venv/bin/python -m pip --quiet --disable-pip-version-check install "$@"; }
pip metaflow==2.19.39 mypy==1.18.2
cat >names.py <<'PY'
from metaflow import FlowSpec, Parameter, step
from metaflow import retry
from metaflow import trigger
from metaflow import trigger_on_finish
from metaflow import project
PY
cat >wrong.py <<'PY'
from metaflow import FlowSpec, trigger


@trigger(evnt="a")
class Misspelt(FlowSpec):
    pass


@trigger(event=3)
class Number(FlowSpec):
    pass
PY
check() { venv/bin/python -m mypy --no-incremental --cache-dir=/dev/null "$1" 2>/dev/null; }
unknown() { check names.py | sed -n 's/^names.py:.*error: Module "metaflow" has no attribute "\([a-z_]*\)".*/unknown: \1/p'; }
{
    echo "alone"
    venv/bin/python -c 'from metaflow import project, retry, trigger, trigger_on_finish; print("they exist")'
    unknown
    pip metaflow-stubs==2.19.39
    echo "with stubs"
    unknown
    check wrong.py | sed -n 's/^wrong.py:\([0-9]*\): error:.*/error in line \1/p'
} >seen
printf '%s\n' 'alone' 'they exist' 'unknown: retry' 'unknown: trigger' 'unknown: trigger_on_finish' 'unknown: project' \
    'with stubs' 'error in line 4' >expected
cat seen
diff expected seen && echo "as described"
