"""Shapes: flows of a few lines, each step of which says where it was, so that a run can be told from its end.

In:   a class name, and lines as `route: switch x=a y=b`; what is said of a step is `to`, `each`, `switch`, `split`,
      and a step that joins is written with a `+`.
Out:  the text of the flow. Its artifact `way` is the steps of the run; those of branches and items are in brackets,
      sorted.

Not here: what a run must say. A switch takes `x` for items of even number and `y` for those of odd ones, and one that
leads to itself does so twice. Each foreach has two items.
"""

from __future__ import annotations

ITEMS = 2

_HEAD = """\
from metaflow import FlowSpec, step


class {name}(FlowSpec):
"""
_TAIL = """

if __name__ == "__main__":
    {name}()
"""


def flow_text(name: str, lines: str, number: int = 0) -> str:
    """`number`: of the run itself, as if it were an item."""
    steps = [line.strip().partition(": ") for line in lines.strip().splitlines()]
    items = {said.split()[1] for _, _, said in steps if said.startswith("each ")}
    return _HEAD.format(name=name) + "\n".join(_step(*one, items, number) for one in steps) + _TAIL.format(name=name)


def _step(written: str, _: str, said: str, items: set[str], number: int) -> str:
    name, joins = written.rstrip("+"), written.endswith("+")
    kind, _, rest = said.partition(" ")
    body = []
    if joins:
        body += [
            "self.number = inputs[0].before",
            "self.before = inputs[0].earlier",
            "self.earlier = 0",
            f"self.way = '[' + ' | '.join(sorted(one.way for one in inputs)) + '] {name}'",
        ]
    elif name == "start":
        body += [f"self.number, self.before, self.earlier, self.way = {number}, 0, 0, 'start'"]
    else:
        body += ["self.number = self.input"] if name in items else []
        body += [f"self.way = (self.way + ' {name}').strip()"]
    if kind in ("each", "split"):
        body += ["self.earlier, self.before, self.way = self.before, self.number, ''"]
    if kind == "each":
        body += [f"self.items = list(range({ITEMS}))", f"self.next(self.{rest}, foreach='items')"]
    elif kind in ("to", "split"):
        body += ["self.next(" + ", ".join(f"self.{one}" for one in rest.split()) + ")"]
    elif kind == "switch":
        ways = dict(one.split("=") for one in rest.split())
        odd = f"self.way.split().count('{name}') > 2" if name in ways.values() else "self.number % 2"
        body += [f"self.choice = 'y' if {odd} else 'x'"]
        cases = ", ".join(f"'{key}': self.{to}" for key, to in ways.items())
        body += [f"self.next({{{cases}}}, condition='choice')"]
    head = f"    @step\n    def {name}(self{', inputs' if joins else ''}):\n"
    return head + "".join(f"        {line}\n" for line in body)
