"""A project file is found, read with the place of each key, and all that is wrong with it is told at once."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from metaflow_triggers.diagnostics import DiagnosticError
from metaflow_triggers.model.marks import ID_IN_WORDS
from metaflow_triggers.project_file.find import find
from metaflow_triggers.project_file.read import read
from metaflow_triggers.project_file.shape import ProjectFile
from metaflow_triggers.project_file.toml import TomlError, parse, places

OWN, SHARED = "metaflow-triggers.toml", "pyproject.toml"


def write(folder: Path, text: str, name: str = OWN) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, "utf-8")
    return folder / name


def wrong(file: Path, profile: str | None = None, **known: Any) -> list[tuple[str, str, str, tuple[str, ...]]]:
    """(code, message, the text under the caret, helps) of each mistake."""
    with pytest.raises(DiagnosticError) as error:
        read(file, profile, **known)
    told = []
    for item in error.value.diagnostics:
        line = file.read_text("utf-8").splitlines()[item.span.line - 1] if item.span else ""
        under = line[item.span.column - 1 : item.span.end_column - 1] if item.span else ""
        told.append((item.code, item.message.split("`: ", 1)[-1], under, item.helps))
    return told


# Where it stands ----------------------------------------------------------------------------------------------------


def test_the_nearest_file_upwards_counts(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "flow.py").write_text("")
    assert find(deep) is None
    shared = write(tmp_path, "[tool.metaflow-triggers]\n", SHARED)
    write(tmp_path / "a", "[tool.other]\n# metaflow-triggers\n", SHARED)  # says nothing of us
    assert find(deep) == find(deep / "flow.py") == find(deep / "not-there.py") == shared
    own = write(tmp_path / "a", "")
    assert find(deep / "flow.py") == own
    assert find(tmp_path) == shared


def test_it_is_not_looked_for_above_the_repository(tmp_path: Path) -> None:
    write(tmp_path, "")
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    (tmp_path / "repo" / "flows").mkdir()
    assert find(tmp_path / "repo" / "flows") is None
    own = write(tmp_path / "repo", "")
    assert find(tmp_path / "repo" / "flows") == own


def test_two_in_a_folder_are_a_mistake(tmp_path: Path) -> None:
    write(tmp_path, "")
    write(tmp_path, "[tool]\nmetaflow-triggers = {}\n", SHARED)
    with pytest.raises(DiagnosticError) as error:
        find(tmp_path)
    assert [item.code for item in error.value.diagnostics] == ["FT030"]
    assert OWN in str(error.value) and SHARED in str(error.value)


@pytest.mark.parametrize(
    ("text", "is_ours"),
    [
        ("[tool.metaflow-triggers]\nid = \n", True),
        ("[tool.metaflow-triggers.profiles.a]\nid = \n", True),
        ("[tool.other]\nname = 'metaflow-triggers\n", False),
        ("[project]\nname = 'metaflow-triggers'\n", False),
        ("tool = 'metaflow-triggers'\n", False),
    ],
)
def test_another_tools_file_is_ours_only_with_our_table(tmp_path: Path, text: str, is_ours: bool) -> None:
    file = write(tmp_path, text, SHARED)
    assert find(tmp_path) == (file if is_ours else None)
    if is_ours:
        assert [item[0] for item in wrong(file)] == ["FT030"]


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / OWN).mkdir()
    with pytest.raises(DiagnosticError, match=r"FT030.*is a folder, not a regular file"):
        read(tmp_path / OWN)
    os.rmdir(tmp_path / OWN)
    (tmp_path / OWN).symlink_to("/dev/zero")
    with pytest.raises(DiagnosticError, match=r"FT030.*is a device"):
        read(tmp_path / OWN)
    (tmp_path / OWN).unlink()
    (tmp_path / OWN).write_bytes(b"id = 'a'\nbranch = '\xff'\n")
    with pytest.raises(DiagnosticError, match=r"FT030.*not UTF-8") as error:
        read(tmp_path / OWN)
    assert error.value.diagnostics[0].span.line == 2


# What it says -------------------------------------------------------------------------------------------------------

WHOLE = """
id = "shop"
paths = ["flows", "jobs/a.py"]
branch = "ada"
user = "ada"
image = "shop:1"
environment = "pypi"
with = ["retry"]
external-flows = ["Upstream"]
external-events = ["order-placed"]

[settings]
METAFLOW_KUBERNETES_NAMESPACE = "shop"

[configs]
table = "config/table.json"

[config-values]
limits = {top = 3}
name = "plain"

[flow-options]
Train = "--with 'kubernetes:cpu=2'"
Load = ["--with", "batch"]

[profiles.prod]
production = true
user = "robot"
external-events = []
settings.METAFLOW_DATASTORE_SYSROOT_S3 = "s3://shop/prod"
config-values.limits = {top = 100}
"""


def test_each_key_is_read(tmp_path: Path) -> None:
    project = read(write(tmp_path, WHOLE))
    assert (project.id, project.paths, project.branch, project.production) == (
        "shop",
        ("flows", "jobs/a.py"),
        "ada",
        None,
    )
    assert project.settings == {
        "METAFLOW_TRIGGERS_PROJECT_ID": "shop",
        "METAFLOW_KUBERNETES_NAMESPACE": "shop",
        "METAFLOW_USER": "ada",
        "METAFLOW_DEFAULT_CONTAINER_IMAGE": "shop:1",
    }
    given = project.given
    assert (given.environment, given.decorators) == ("pypi", ("retry",))
    assert given.configs == (("table", str(tmp_path / "config/table.json")),)
    assert given.config_values == (("limits", '{"top": 3}'), ("name", "plain"))
    assert given.own == (("Train", ("--with", "kubernetes:cpu=2")), ("Load", ("--with", "batch")))
    assert (project.external_flows, project.external_events) == (("Upstream",), ("order-placed",))
    assert project.place("settings", "METAFLOW_KUBERNETES_NAMESPACE").line == 13
    assert project.place("paths", 1).line == 3


def test_a_profile_counts_before_what_stands_beside_it(tmp_path: Path) -> None:
    project = read(write(tmp_path, WHOLE), "prod")
    assert (project.production, project.branch, project.external_events) == (True, "ada", ())
    assert project.settings == {
        "METAFLOW_TRIGGERS_PROJECT_ID": "shop",
        "METAFLOW_KUBERNETES_NAMESPACE": "shop",
        "METAFLOW_DATASTORE_SYSROOT_S3": "s3://shop/prod",
        "METAFLOW_USER": "robot",
        "METAFLOW_DEFAULT_CONTAINER_IMAGE": "shop:1",
    }
    assert project.given.config_values == (("limits", '{"top": 100}'), ("name", "plain"))
    assert project.place("user").line == 28
    assert project.place("image").line == 6


def test_in_pyproject_the_same_stands_below_tool(tmp_path: Path) -> None:
    text = WHOLE.replace("[", "[tool.metaflow-triggers.", 1)
    lines = []
    for line in WHOLE.splitlines():
        is_header = line.startswith("[")
        lines.append(f"[tool.metaflow-triggers.{line[1:]}" if is_header else line)
    text = "[project]\nname = 'shop'\n[tool.metaflow-triggers]" + "\n".join(lines) + "\n"
    shared = read(write(tmp_path, text, SHARED), "prod")
    own = read(write(tmp_path, WHOLE), "prod")
    fields = ("id", "paths", "production", "branch", "settings", "given", "external_flows", "external_events")
    assert [getattr(shared, name) for name in fields] == [getattr(own, name) for name in fields]
    assert shared.place("settings", "METAFLOW_KUBERNETES_NAMESPACE").line == 15


def test_paths_are_told_from_where_the_command_is_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "flows").mkdir()
    monkeypatch.chdir(tmp_path / "flows")
    assert read(write(tmp_path, "paths = ['flows', 'b.py']\n")).searched() == [".", "../b.py"]
    assert read(write(tmp_path, "")).searched() == [".."]


# What is wrong ------------------------------------------------------------------------------------------------------


def test_all_mistakes_are_told_at_once_each_at_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = write(
        tmp_path,
        """
id = "Shop"
path = ["flows"]
paths = ["../other", "/etc", 3]
production = "yes"
with = "retry"
[settings]
KUBERNETES_NAMESPACE = "a"
METAFLOW_USER = true
METAFLOW_SERVICE_AUTH_KEY = "s3cret"
METAFLOW_PROFILE = "x"
[flow-options]
Train = "--with 'retry"
"no flow" = "--with retry"
[config-values]
a = 2026-01-01
[profiles.prod]
id = "shop"
productoin = true
branch = ""
[profiles]
dev = 3
""",
    )
    told = wrong(file, "prd")
    assert sorted((code, message, under) for code, message, under, _ in told) == sorted(
        [
            (
                "FT032",
                f"`id`: `Shop` is not an id: {ID_IN_WORDS}",
                "id",
            ),
            ("FT031", "there is no key `path`", "path"),
            ("FT032", "`paths[0]`: `../other` is not below the folder of this file", '"../other"'),
            ("FT032", "`paths[1]`: `/etc` is not below the folder of this file", '"/etc"'),
            ("FT032", "`paths[2]`: expected a text in quotes, found a number", "3"),
            ("FT032", "`production`: expected true or false without quotes, found a text", "production"),
            ("FT032", "`with`: expected a list, found a text", "with"),
            ("FT032", "`settings.KUBERNETES_NAMESPACE`: a setting is named METAFLOW_...", "KUBERNETES_NAMESPACE"),
            ("FT032", "`settings.METAFLOW_USER`: expected a text in quotes, found true or false", "METAFLOW_USER"),
            (
                "FT032",
                "`settings.METAFLOW_SERVICE_AUTH_KEY`: it is a secret, and this file is committed",
                "METAFLOW_SERVICE_AUTH_KEY",
            ),
            ("FT032", "`settings.METAFLOW_PROFILE`: it says where settings are read from", "METAFLOW_PROFILE"),
            ("FT032", "`flow-options.Train`: `--with 'retry`: No closing quotation", "Train"),
            ("FT032", "`flow-options.no flow`: `no flow` is no name of a flow", '"no flow"'),
            ("FT032", "`config-values.a`: a Config is JSON, which has no dates, `nan` or `inf`", "a"),
            ("FT032", "`profiles.prod.id`: a profile cannot change it", "id"),
            ("FT031", "there is no key `profiles.prod.productoin`", "productoin"),
            ("FT032", "`profiles.prod.branch`: the text is empty", "branch"),
            ("FT032", "`profiles.dev`: a profile is a table, not a number", "dev"),
            ("FT033", "`metaflow-triggers.toml` has no profile `prd`", ""),
        ]
    )
    helps = {message: helps for _, message, _, helps in told}
    assert helps["there is no key `path`"] == ("did you mean `paths`?",)
    assert helps["there is no key `profiles.prod.productoin`"] == ("did you mean `production`?",)
    assert helps["`settings.KUBERNETES_NAMESPACE`: a setting is named METAFLOW_..."] == (
        "write `METAFLOW_KUBERNETES_NAMESPACE`",
    )
    assert not any("s3cret" in message for message in helps)


def test_a_setting_is_said_once(tmp_path: Path) -> None:
    file = write(tmp_path, "user = 'ada'\n[settings]\nMETAFLOW_USER = 'bob'\n")
    assert [item[1] for item in wrong(file)] == ["`settings.METAFLOW_USER`: `user` says it too"]


def test_the_profile_that_is_there_is_named(tmp_path: Path) -> None:
    file = write(tmp_path, "[profiles.stage]\n[profiles.prod]\n")
    assert wrong(file, "prd")[0][3] == ("did you mean `prod`?",)
    assert wrong(file, "elsewhere")[0][3] == ("it has `stage`, `prod`",)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [("id = 'a'\npaths = [flows]\n", 2, 10), ("a = 1\na = 2\n", 2, 6), ("id = 'a\n", 2, 1), ("a = [1,\n", 2, 1)],
)
def test_what_is_no_toml_is_told_at_its_place(tmp_path: Path, text: str, line: int, column: int) -> None:
    with pytest.raises(DiagnosticError) as error:
        read(write(tmp_path, text))
    (found,) = error.value.diagnostics
    assert found.code == "FT030" and found.span is not None
    assert (found.span.line, found.span.column) == (line, column)


# Places -------------------------------------------------------------------------------------------------------------


def test_places_of_every_way_to_write_a_key() -> None:
    text = '''
a."b c".'d' = 1
[t."u.v"]
list = [1, [2, 3], # ] "
  """four
five""", {k = "}", 'm' = [6]}]
"\\u0061b" = \'\'\'"\'\'\'
[[items]]
x = """a"""""
[items.more]
y = 1
[[items]]
z = 1
'''
    found = places(text.encode())
    assert parse(text.encode())["items"] == [{"x": 'a""', "more": {"y": 1}}, {"z": 1}]
    assert found["a", "b c", "d"] == (2, 9, 12)
    assert found["t", "u.v", "list", 1, 1] == (4, 16, 17)
    assert found["t", "u.v", "list", 2] == (5, 3, 4)
    assert found["t", "u.v", "list", 3, "k"] == (6, 11, 12)
    assert found["t", "u.v", "list", 3, "m", 0] == (6, 27, 28)
    assert found["t", "u.v", "ab"] == (7, 1, 10)
    assert found["items", 0, "x"] == (9, 1, 2)
    assert found["items", 0, "more", "y"] == (11, 1, 2)
    assert found["items", 1] == (12, 3, 8)
    assert found["items", 1, "z"] == (13, 1, 2)


KEY = st.text("ab-_. \"'\\#[]={}é\n", max_size=4)
VALUE = st.recursive(
    st.one_of(st.booleans(), st.integers(-9, 9), st.text("a \"'\\#[]={},\né", max_size=6)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEY, inner, max_size=3)),
    max_leaves=8,
)


def _written(value: Any) -> str:

    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",\n # ]\n".join(map(_written, value)) + "]"
    return json.dumps(value)


def _keys(value: Any, above: tuple[Any, ...] = ()) -> set[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return {found for key, item in inside for found in {(*above, key), *_keys(item, (*above, key))}}


@given(st.dictionaries(KEY, VALUE, max_size=4))
def test_each_key_of_any_file_has_a_place(value: dict[str, Any]) -> None:

    text = "".join(f"{json.dumps(key)} = {_written(item)}\n" for key, item in value.items())
    found = places(text.encode())
    assert parse(text.encode()) == value
    assert set(found) == _keys(value)
    lines = text.split("\n")
    for keys, (line, column, end) in found.items():
        if isinstance(keys[-1], str):
            assert lines[line - 1][column - 1 : end - 1] == json.dumps(keys[-1])


@given(st.text("ab=.\"'[]{}\n#\\ ", max_size=30))
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        value = parse(text.encode())
    except TomlError as error:
        assert error.line >= 1 and error.column >= 1
        return
    assert set(places(text.encode())) >= _keys(value)


def test_without_a_file_no_parser_of_toml_is_imported(tmp_path: Path) -> None:
    import subprocess
    import sys

    program = "import sys; from metaflow_triggers.commands.project_options import find; find('.');"
    program += "print([name for name in ('tomllib', 'jsonschema', 'metaflow', 'pathspec') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_nothing_is_said_without_a_key(tmp_path: Path) -> None:
    assert read(write(tmp_path, "")) == ProjectFile(tmp_path / OWN)


# The event catalogue ------------------------------------------------------------------------------------------------

CATALOGUE = """
[order-placed]
owner = "shop"
description = '''An order
was placed.'''
origin = {step-functions = {source = "shop"}}
schema = {type = "object", properties = {orderId = {type = "string"}}}
[order-paid]
schema = "schemas/paid.json"
"""


def test_the_catalogue_stands_in_the_file_or_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "schemas", '{"required": ["a"]}', "paid.json")
    write(tmp_path, CATALOGUE, "events.toml")
    beside = read(write(tmp_path, 'id = "shop"\nevents = "events.toml"\n'), backends=["step-functions"]).events
    inline = read(write(tmp_path, CATALOGUE.replace("\n[", "\n[events."))).events
    for events, file in ((beside, "events.toml"), (inline, OWN)):
        placed, paid = events
        assert (placed.name, placed.owner, placed.description) == ("order-placed", "shop", "An order was placed.")
        assert json.loads(placed.origin) == {"step-functions": {"source": "shop"}}
        assert json.loads(placed.schema)["properties"] == {"orderId": {"type": "string"}}
        assert (placed.span.file, placed.span.line, paid.span.line) == (file, 2, 8)
        assert (json.loads(paid.schema), paid.schema_file) == ({"required": ["a"]}, "schemas/paid.json")


def test_what_is_wrong_with_the_catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, '{"type": "objekt"}', "bad.json")
    write(tmp_path, "{", "broken.json")
    file = write(
        tmp_path,
        """
[events.a]
shema = {}
owner = 3
origin = {step-function = {}}
[events.b]
schema = 3
""",
    )
    assert [
        (code, message, under, helps) for code, message, under, helps in wrong(file, backends=["step-functions"])
    ] == [
        ("FT031", "there is no key `events.a.shema`", "shema", ("did you mean `schema`?",)),
        ("FT032", "`events.a.owner`: expected a text in quotes, found a number", "owner", ()),
        (
            "FT032",
            "`events.a.origin.step-function`: there is no backend `step-function`",
            "step-function",
            ("did you mean `step-functions`?",),
        ),
        (
            "FT032",
            "`events.b.schema`: expected a JSON Schema as a table, or the path of a file, found a number",
            "schema",
            (),
        ),
    ]
    schemas = {
        '"bad.json"': "it is no JSON Schema, at `type`",
        '"broken.json"': "`broken.json` is no JSON",
        '"not-there.json"': "`not-there.json` cannot be read",
        '{"$ref" = "https://example.com/order.json"}': "it refers to `https://example.com/order.json`, which",
        "{const = 2026-01-01}": "a JSON Schema has no dates",
        '{properties = {a = {type = ["string", 3]}}}': "it is no JSON Schema, at `properties/a/type",
    }
    for schema, message in schemas.items():
        (found,) = wrong(write(tmp_path, f"[events.a]\nschema = {schema}\n"))
        assert (found[0], found[2]) == ("FT037", "schema")
        assert message in found[1], found[1]
    write(tmp_path, "a = [", "events.toml")
    assert "`events.toml` is no TOML, line 1" in wrong(write(tmp_path, 'events = "events.toml"\n'))[0][1]
    assert "is not below the folder" in wrong(write(tmp_path, 'events = "../events.toml"\n'))[0][1]
