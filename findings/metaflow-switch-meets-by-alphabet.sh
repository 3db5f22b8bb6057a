#!/bin/sh
# metaflow 2.19.39 (PyPI), its compiler for Argo Workflows.
#
# Guess before running: where the two ways of a switch meet again follows from the graph, so two flows that differ in
# the names of two steps only are lowered to the same structure.
#
# Seen, of a foreach whose first step is a switch (its ways meet in one step, the join follows, and behind that is
# another switch):
#   - steps `meet` and then `gather`:   the switch meets in `meet`
#   - the same two named the other way: the switch meets in `late_right`, a way of the other switch, outside of the foreach
# The compiler goes over the steps in the order of their names, and a later one takes the place of an earlier one.
#
# Fails if this changes. Needs Python 3.10 or newer with venv, and PyPI.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/python -m pip --quiet --disable-pip-version-check install metaflow==2.19.39
cat >one.py <<'PY'
from metaflow import FlowSpec, step


class Ways(FlowSpec):
    @step
    def start(self):
        self.items = [1, 2]
        self.next(self.each, foreach="items")

    @step
    def each(self):
        self.way = "left"
        self.next({"left": self.left, "right": self.right}, condition="way")

    @step
    def left(self):
        self.next(self.meet)

    @step
    def right(self):
        self.next(self.meet)

    @step
    def meet(self):
        self.next(self.gather)

    @step
    def gather(self, inputs):
        self.way = "left"
        self.next({"left": self.late_left, "right": self.late_right}, condition="way")

    @step
    def late_left(self):
        self.next(self.end)

    @step
    def late_right(self):
        self.next(self.end)

    @step
    def end(self):
        pass
PY
sed 's/\bmeet\b/other/; s/\bgather\b/meet/; s/\bother\b/gather/' one.py >other.py
cat >told.py <<'PY'
import sys

from metaflow.graph import FlowGraph
from metaflow.plugins.argo.argo_workflows import ArgoWorkflows

flow = __import__(sys.argv[1]).Ways
made = object.__new__(ArgoWorkflows)
made.graph = FlowGraph(flow)
made._parse_conditional_branches()
print(f"{sys.argv[1]}: `each` meets in {made.matching_conditional_join_dict['each']}")
PY
export METAFLOW_HOME="$work" METAFLOW_USER=finder PYTHONDONTWRITEBYTECODE=1
{
    venv/bin/python told.py one
    venv/bin/python told.py other
} >seen
printf '%s\n' 'one: `each` meets in meet' 'other: `each` meets in late_right' >expected
cat seen
diff expected seen && echo "as described"
