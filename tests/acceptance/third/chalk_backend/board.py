"""What is deployed to the board: files in the folder of METAFLOW_CHALK_BOARD."""

from pathlib import Path

from metaflow_triggers import seams
from metaflow_triggers.diagnostics import Diagnostic

SAYS = ()


def board():
    folder = Path(seams.configured("CHALK_BOARD") or "")
    if not folder.is_absolute():
        raise RuntimeError("no board is known")
    return folder


def _texts(files):
    return {file.path.partition("/")[2]: file.text for file in files}


def one_document(files):
    return "".join(_texts(files).values())


def additional_info(files):
    return {}


def missing_settings(files, settings):
    if seams.configured("CHALK_BOARD"):
        return []
    return [Diagnostic("FT002", "there is no board", helps=("set METAFLOW_CHALK_BOARD",))]


def resolve_token(obj, options):
    return ""


def check_token(obj, options):
    return None


def plan(files, settings, *, deployed_name, about):
    return "".join(f"write {name}\n" for name in _texts(files))


def drift(files, settings, *, deployed_name, full, about):
    there = {path.name: path.read_text("utf-8") for path in board().iterdir()}
    other = [name for name, text in _texts(files).items() if there.get(name) != text]
    return not other, "".join(f"{name} differs\n" for name in other)


def create(files, settings, *, deployed_name, token, options, upload, about):
    for name, text in _texts(files).items():
        (board() / name).write_text(text, "utf-8")
    return f"{deployed_name} stands on the board"


def delete(deployed_name, settings, *, flow, steps):
    (board() / f"{deployed_name}.json").unlink()
    return f"{deployed_name} is wiped"
