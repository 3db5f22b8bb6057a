"""Which files may be read in a process that reads others: those that run nothing but Metaflow."""

from __future__ import annotations

import ast

import pytest
from metaflow_triggers.reading.plain import is_plain

HEAD = "from metaflow import FlowSpec, JSONType, Parameter, current, retry, schedule, step, trigger\n"
STEP = "    @step\n    def start(self):\n        anything(self).goes[here]\n"
FLOW = f"class Flow(FlowSpec):\n{STEP}"


def plain(text: str) -> bool:
    return is_plain(ast.parse(text), {"next", "name"})


@pytest.mark.parametrize(
    "text",
    [
        HEAD + FLOW,
        '"""Words."""\nfrom __future__ import annotations\nimport os, json\nfrom datetime import date\n' + HEAD + FLOW,
        HEAD + '@trigger(event="a")\n@schedule(cron="* * * * *")\n' + FLOW,
        HEAD + 'EVENT = {"name": "a", "parameters": {"b": "c"}}\n@trigger(events=[EVENT, "d"])\n' + FLOW,
        HEAD + f'class Flow(FlowSpec):\n    kept = -1\n    p = Parameter("p", default=[], type=JSONType)\n{STEP}',
        HEAD + FLOW.replace("    @step\n", "    @retry(times=3)\n    @step\n"),
        HEAD + FLOW + 'if __name__ == "__main__":\n    import anything\n    Flow()\n',
        HEAD + FLOW + "def helper(a=1, *, b: int = 2) -> str:\n    import anything\n",
        "from metaflow import FlowSpec as F, step as s\nclass Flow(F):\n    @s\n    def start(self): pass\n",
    ],
)
def test_what_is_metaflows_is_plain(text: str) -> None:
    assert plain(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "import helper_of_mine\n" + HEAD + FLOW,
        "import xml.dom.pulldom\n" + HEAD + FLOW,  # of the standard library, and not loaded
        "from os import nothing_of_this_name\n" + HEAD + FLOW,
        "from metaflow import *\n" + FLOW,
        "from metaflow import FlowSpec, step, conda_base\n" + FLOW,
        "from metaflow.plugins import anything\n" + HEAD + FLOW,
        "from . import beside\n" + HEAD + FLOW,
        HEAD + FLOW + "print(1)\n",
        HEAD + FLOW + "NOW = len([])\n",
        HEAD + FLOW + "current.graph = 1\n",
        HEAD + FLOW + "try:\n    pass\nfinally:\n    pass\n",
        HEAD + FLOW + 'if __name__ == "__main__":\n    Flow()\nelse:\n    anything()\n',
        HEAD + FLOW + 'if __name__ != "__main__":\n    anything()\n',
        HEAD + "@trigger(event=lambda context: 1)\n" + FLOW,
        HEAD + "def named(context):\n    return 1\n@trigger(event=named)\n" + FLOW,
        HEAD + "@trigger(**{})\n" + FLOW,
        HEAD + "@trigger(event=f'{1}')\n" + FLOW,
        HEAD + "@anything\n" + FLOW,
        HEAD + "step = retry\n" + FLOW,
        HEAD + "from os import path as step\n" + FLOW,
        HEAD + "int = 1\n" + FLOW,
        HEAD + "class Flow(FlowSpec, metaclass=type):\n" + STEP,
        HEAD + "class Other:\n    pass\n" + FLOW,
        HEAD + FLOW + "class Second(Flow):\n" + STEP,
        HEAD + FLOW + "    def __init__(self): pass\n",
        HEAD + FLOW + "    def next(self): pass\n",
        HEAD + FLOW + "    def retry(self): pass\n",
        HEAD + FLOW + "    def other(self, a=anything()): pass\n",
        HEAD + FLOW + "    def other(self, a: anything()): pass\n",
        HEAD + FLOW + "    @property\n    def other(self): pass\n",
        HEAD + FLOW + '    name = Parameter("name")\n',
        HEAD + FLOW + '    p = Parameter("p", default=lambda context: 1)\n',
        HEAD + FLOW + "    p = anything()\n",
        HEAD + FLOW + "    for one in []: pass\n",
    ],
)
def test_what_may_run_something_else_is_not(text: str) -> None:
    assert not plain(text)
