#!/bin/sh
# metaflow 2.19.39 with metaflow-prefect 0.3.7 and metaflow-slurm 0.0.4 (PyPI).
#
# Guess before running: an installed extension whose commands work goes on working when another, unrelated extension is
# installed beside it.
#
# Seen:
#   - metaflow-prefect alone:                        `flow.py prefect --help` works
#   - metaflow-slurm installed as well:              "No such command 'prefect'"
#   - one line `metaflow_extensions` as top_level.txt in the .dist-info folder of metaflow-prefect: works again
# Metaflow asks each distribution's top_level.txt whether it is an extension. One that lacks the file is found only as
# long as no other distribution names itself, and nothing is said when it is not.
#
# Fails if this changes. Needs Python 3.10 to 3.12 with venv, and PyPI.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
pip() { venv/bin/python -m pip --quiet --disable-pip-version-check install "$@"; }
pip metaflow==2.19.39 'setuptools<81'
pip --no-deps metaflow-prefect==0.3.7
cat >flow.py <<'PY'
from metaflow import FlowSpec, step


class Small(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Small()
PY
ask() {
    if METAFLOW_USER=somebody HOME="$work" venv/bin/python flow.py --no-pylint prefect --help >said 2>&1; then
        echo "$1: found"
    elif grep -q "No such command 'prefect'" said; then
        echo "$1: no such command"
    else
        cat said >&2
        echo "$1: something else"
    fi
}
ask "alone" >seen
pip --no-deps metaflow-slurm==0.0.4
ask "beside metaflow-slurm" >>seen
echo metaflow_extensions >"$(echo venv/lib/python3*/site-packages/metaflow_prefect-0.3.7.dist-info)/top_level.txt"
ask "with top_level.txt" >>seen
printf '%s\n' 'alone: found' 'beside metaflow-slurm: no such command' 'with top_level.txt: found' >expected
cat seen
diff expected seen && echo "as described"
