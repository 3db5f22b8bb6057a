"""The cache's file: what is kept comes back byte for byte or not at all, whatever became of the file."""

from __future__ import annotations

import os
import sqlite3
from multiprocessing import get_context
from pathlib import Path

import pytest
from metaflow_triggers.cache import place
from metaflow_triggers.cache.files import ABSENT, Files
from metaflow_triggers.cache.store import NAME, Store

LIMIT = 1 << 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = place.folder({place.VARIABLE: str(tmp_path / "cache")})
    assert found is not None
    return found


def kept(folder: Path, *names: str) -> dict[str, bytes]:
    store = Store(folder, LIMIT)
    found = store.get(names)
    store.close()
    return found


def keep(folder: Path, **contents: bytes) -> None:
    store = Store(folder, LIMIT)
    store.put(contents)
    store.close()


def test_what_is_kept_comes_back_in_another_process(folder: Path) -> None:
    keep(folder, one=b"1", two=b"\0\xff")
    assert kept(folder, "one", "two", "three") == {"one": b"1", "two": b"\0\xff"}
    assert oct((folder / NAME).stat().st_mode)[-3:] == "600"
    assert oct(folder.stat().st_mode)[-3:] == "700"


def test_a_row_that_is_not_what_was_kept_is_not_there(folder: Path) -> None:
    keep(folder, one=b"aaaa", two=b"bbbb")
    with sqlite3.connect(folder / NAME) as connection:
        connection.execute("UPDATE kept SET content = substr(content, 1, 32) || x'6161' WHERE name = 'one'")
        connection.execute("UPDATE kept SET name = 'three' WHERE name = 'two'")  # another's content
    assert kept(folder, "one", "two", "three") == {}


@pytest.mark.parametrize("damage", ["no database", "cut", "other tables", "other form", "bytes"])
def test_a_damaged_file_is_begun_anew(folder: Path, damage: str) -> None:
    keep(folder, **{f"name{number}": b"x" * 5000 for number in range(20)})
    path = folder / NAME
    content = path.read_bytes()
    if damage == "no database":
        path.write_bytes(b"not SQLite's" * 1000)
    elif damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "bytes":
        path.write_bytes(content[:100] + bytes(4000) + content[4100:])
    else:
        with sqlite3.connect(path) as connection:
            connection.execute("ALTER TABLE kept RENAME TO other")
            if damage == "other form":
                connection.execute("PRAGMA user_version = 99")
    found = kept(folder, *(f"name{number}" for number in range(20)))
    assert set(found.values()) <= {b"x" * 5000}
    keep(folder, one=b"1")  # the first that meets the damage may only remove it
    keep(folder, one=b"1")
    assert kept(folder, "one") == {"one": b"1"}


def test_what_was_used_longest_ago_goes_first(folder: Path) -> None:
    content = bytes(LIMIT // 8)
    for number in range(6):
        keep(folder, **{f"name{number}": content})
        with sqlite3.connect(folder / NAME) as connection:
            connection.execute("UPDATE kept SET used = ? WHERE name = ?", (number, f"name{number}"))
    kept(folder, "name0")
    store = Store(folder, LIMIT)
    assert "name0" in store.get(["name0"])  # used just now
    store.put({"name6": content, "name7": content})
    store.close()
    found = kept(folder, *(f"name{number}" for number in range(8)))
    assert {"name0", "name6", "name7"} <= found.keys()
    assert not {"name1", "name2"} & found.keys()
    assert (folder / NAME).stat().st_size < LIMIT


def test_a_folder_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    assert place.folder({place.VARIABLE: str(shared)}) is None
    shared.chmod(0o755)
    assert place.folder({place.VARIABLE: str(shared)}) == shared
    (tmp_path / "link").symlink_to(shared)
    assert place.folder({place.VARIABLE: str(tmp_path / "link")}) is None
    if os.getuid() == 0:
        os.chown(shared, 12345, 12345)
        assert place.folder({place.VARIABLE: str(shared)}) is None


def test_a_file_that_others_may_write_is_left_alone(folder: Path) -> None:
    keep(folder, one=b"1")
    (folder / NAME).chmod(0o666)
    assert kept(folder, "one") == {}
    keep(folder, two=b"2")
    (folder / NAME).chmod(0o600)
    assert kept(folder, "one", "two") == {"one": b"1"}


def test_the_environment_switches_it_off_and_says_where_it_is(tmp_path: Path) -> None:
    assert place.folder({place.VARIABLE: "off"}) is None
    assert place.folder({"XDG_CACHE_HOME": str(tmp_path)}) == tmp_path / "metaflow-triggers"
    assert place.wanted({"XDG_CACHE_HOME": "not/absolute"}) == Path("~/.cache/metaflow-triggers").expanduser()
    assert place.limit({place.SIZE_VARIABLE: "3"}) == 3 << 20
    assert place.limit({place.SIZE_VARIABLE: "much"}) == place.limit({})


def _keep_many(folder: Path, number: int) -> None:
    for turn in range(10):
        keep(folder, **{f"name{number}-{turn}": b"%d" % turn, "same": b"%d" % number})


def test_several_at_once(folder: Path) -> None:
    context = get_context("spawn")
    workers = [context.Process(target=_keep_many, args=(folder, number)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    found = kept(folder, "same", *(f"name{number}-{turn}" for number in range(3) for turn in range(10)))
    assert len(found) == 31


def test_a_file_is_read_again_only_when_it_may_have_changed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    first = Files()
    digest = first.hash(str(path))
    assert first.remembered() == {}, "it was written just now: a second change might not show"
    _age(path)
    second = Files()
    assert second.hash(str(path)) == digest
    third = Files(second.remembered())
    assert (third.hash(str(path)), third.hashed) == (digest, 0)
    was = path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    fourth = Files(second.remembered())
    assert fourth.hash(str(path)) not in (digest, ABSENT)
    assert Files().hash(str(tmp_path)) == ABSENT


def _age(path: Path) -> None:
    """Let the file be older than what two changes may have in common."""
    import time

    time.sleep(0.15)
    assert path.exists()
