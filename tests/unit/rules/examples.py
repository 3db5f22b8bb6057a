"""Examples: what our commands say of the examples of rules, all read in one process of its own.

In:   on standard input a JSON object: name -> text, and whether it takes a backend to find what is wrong.
Out:  on standard output a JSON object: name -> its codes where more flows may exist, and where these are all.

Not here: which codes it should be. An example shows what matters; `whole` makes files of it that can be read: a
decorator gets a class, a class its steps and the parameters that are mapped, and what is only named is there.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[3]
USED = """\
import time
from datetime import datetime
from metaflow import *
from metaflow import batch, emit_event, kubernetes, project, schedule, step, trigger, trigger_on_finish
table = ['x' * 10_000] * 10_000
def connect_to_warehouse(): time.sleep(600)
def oldest(folder): return 'a.csv'
def healthy(): return True
def count_failures_in(file): return 0
"""
POLLS = """\
from metaflow_triggers.poll import Context, DefaultRunner, TriggerResult, trigger
fire, skip = TriggerResult.fire, TriggerResult.skip
"""
STARTED = "class FileProcessor(FlowSpec): ...\n"
_STEPS = "@step\ndef start(self): self.next(self.end)\n@step\ndef end(self): pass\n"


def whole(text: str) -> dict[str, str]:
    """Name of file -> text. A comment that is a file's name begins that file."""
    parts = re.split(r"^# (\S+\.py)\n", text, flags=re.M)
    texts = dict(zip(parts[1::2], parts[2::2], strict=True)) or {"example.py": text}
    is_poll = re.search(r"^(async )?def|TriggerResult|DefaultRunner", text, re.M) and "event=" not in text
    if is_poll:
        texts["flows.py"] = STARTED
    used = USED + (POLLS if is_poll else "")
    return {Path(name).name: used + ast.unparse(_completed(one)) + "\n" for name, one in texts.items()}


def _completed(text: str) -> ast.Module:
    blocks = re.split(r"\n\n+", text.strip("\n"))
    code = ""
    for number, block in enumerate(blocks):
        is_open = re.search(r"^@", block, re.M) and not re.search(r"^(async )?(def|class) ", block, re.M)
        code += block + (f"\nclass Completed{number}(FlowSpec): ..." if is_open else "") + "\n\n"
    tree = ast.parse(code)
    for number, node in enumerate(tree.body):
        if isinstance(node, ast.Expr) and "emit_event" in ast.unparse(node):
            made = ast.parse("class Emits(FlowSpec):\n    @step\n    def start(self): self.next(self.end)").body[0]
            assert isinstance(made, ast.ClassDef) and isinstance(made.body[0], ast.FunctionDef)
            made.body[0].body.insert(0, node)
            tree.body[number] = made
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            node.body = _class_body(node)
    return tree


def _class_body(node: ast.ClassDef) -> list[ast.stmt]:
    """The body of a flow, with what it leaves out."""
    body = [item for item in node.body if ast.unparse(item) != "..."]
    for item in body:
        if isinstance(item, ast.FunctionDef) and ast.unparse(item.body) == "...":
            item.body = ast.parse("self.next(self.end)").body
    named = {item.name for item in body if isinstance(item, ast.FunctionDef)}
    steps = [item for item in ast.parse(_STEPS).body if isinstance(item, ast.FunctionDef) and item.name not in named]
    mapped = dict.fromkeys(_mapped(node)) if node.name.startswith("Completed") else {}
    return [*ast.parse("".join(f"{name} = Parameter({name!r}, default='')\n" for name in mapped)).body, *body, *steps]


def _mapped(node: ast.ClassDef) -> Iterator[str]:
    """The parameters that the decorators of a class map."""
    for item in ast.walk(node):
        pairs = zip(item.keys, item.values, strict=True) if isinstance(item, ast.Dict) else ()
        found = [value for key, value in pairs if isinstance(key, ast.Constant) and key.value == "parameters"]
        found += [item.value] if isinstance(item, ast.keyword) and item.arg == "parameters" else []
        for value in found:
            for one in value.keys if isinstance(value, ast.Dict) else value.elts if isinstance(value, ast.List) else ():
                yield ast.literal_eval(one.elts[0] if isinstance(one, ast.Tuple) else one)


def codes(examples: Mapping[str, tuple[str, bool]]) -> dict[str, list[list[str]]]:
    """Of each example its codes where more flows may exist, and where these are all."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "tests.unit.rules.examples", folder],
            input=json.dumps(dict(examples)),
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                "HOME": folder,
                "METAFLOW_USER": "reader",
                "METAFLOW_KUBERNETES_SERVICE_ACCOUNT": "flows",
            },
            timeout=300,
        )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def main(folder: str) -> None:
    import metaflow  # noqa: F401
    from metaflow_triggers import seams
    from metaflow_triggers.backends import registry
    from metaflow_triggers.compiling.compile import compile_flows
    from metaflow_triggers.reading.project import read_project
    from metaflow_triggers.reading.request import Request

    examples = json.load(sys.stdin)
    paths: dict[str, list[str]] = {}
    for name, (text, _) in examples.items():
        for file, content in whole(text).items():
            path = Path(folder, name, file)
            path.parent.mkdir(exist_ok=True)
            path.write_text(content, "utf-8")
            paths.setdefault(name, []).append(str(path))
    for backend in registry.names():
        registry.backend(backend)
    request = Request(registry.names(), code_package=False, workflow=False, workers=2, seconds=5, chosen=False)
    read = read_project([file for files in paths.values() for file in files], request)
    settings = seams.read_settings(code_package=False)
    found = {}
    for name, files in paths.items():
        told = {item.code for item in read.diagnostics if item.span is not None and item.span.file in files}
        flows = [item for item in read.flows if item.flow.file in files]
        polls = [item for item in read.polls if item.file in files]
        backends = registry.names() if examples[name][1] else ()
        found[name] = []
        for is_all in (False, True):
            made = compile_flows(flows, settings, backends, project_wide=is_all, polls=polls, chosen=False)
            found[name].append(sorted(told | {item.code for item in made.diagnostics}))
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
