#!/bin/sh
# statelint 3.1.0 (PyPI), the linter of the Amazon States Language.
#
# Guess before running: a linter of the language accepts what the language accepts. The specification calls BackoffRate
# "a number"; a key with a dot or a hyphen is reached by `$['a.b']`, the bracket form
# being what it is for.
#
# Seen:
#   - "BackoffRate": 2 is an error ("should be a Float"), 2.0 is accepted: a JSON writer that shortens numbers, as
#     JavaScript's does, produces a definition that fails the lint
#   - `$['a.b']` in Parameters is "not a JSONPath or intrinsic function expression"; the same path in OutputPath passes,
#     and so does `$['ab']` in Parameters
# Metaflow's state machines have the key `metaflow.run_id` and integral back-off rates, so both are met in practice.
#
# Fails if any of this changes. Needs Python >= 3.10 and PyPI.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" --disable-pip-version-check install --quiet statelint==3.1.0
cd "$work"
lint() {
    printf '%s' "$2" >"$1.json"
    "$work/venv/bin/statelint" "$1.json" >"$1.out" 2>&1 && echo "$1: accepted" || { echo "$1: refused"; sed 1d "$1.out"; }
}
task() {
    printf '{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::batch:submitJob.sync",'
    printf '"Retry":[{"ErrorEquals":["States.ALL"],"BackoffRate":%s}],"End":true}}}' "$1"
}
pass() { printf '{"StartAt":"A","States":{"A":{"Type":"Pass",%s,"End":true}}}' "$1"; }
{
    lint rate-2 "$(task 2)"
    lint rate-2.0 "$(task 2.0)"
    lint parameters-plain "$(pass "\"Parameters\":{\"x.\$\":\"\$['ab']\"}")"
    lint parameters-dotted "$(pass "\"Parameters\":{\"x.\$\":\"\$['a.b']\"}")"
    lint output-path-dotted "$(pass "\"OutputPath\":\"\$['a.b']\"")"
} >seen
cat >expected <<'TXT'
rate-2: refused
 State Machine.States.A.Retry[0].BackoffRate is 2 but should be a Float
rate-2.0: accepted
parameters-plain: accepted
parameters-dotted: refused
 Field "x.$" of Parameters at "State Machine.States.A" is not a JSONPath or intrinsic function expression
output-path-dotted: accepted
TXT
cat seen
diff expected seen && echo "as described"
