"""Rules FT74x and FT75x: the local engine.

In, Out, Not here: see `metaflow_triggers.rules.rule`.
"""

from __future__ import annotations

from .rule import Rule

RULES: tuple[Rule, ...] = (
    Rule(
        code="FT740",
        title="the database is damaged",
        severity="error",
        finds="SQLite finds pages of the engine's database that are not as it wrote them, or the disk does not give "
        "them back. `list`, `history` and the start of `run` look for it shortly; everything else tells it when it "
        "meets such a page. An engine that meets one ends; its running flows go on.",
        why="What is read from a damaged file may be wrong, and what is written to it may be lost.",
        example="$ metaflow-triggers list          # after a disk failed, or `cp` over a file in use",
        instead="$ cp metaflow-triggers.db damaged.db\n"
        "$ sqlite3 damaged.db .recover | sqlite3 metaflow-triggers.db     # or take the last backup",
        language="console",
    ),
    Rule(
        code="FT741",
        title="the disk of the database is full",
        severity="error",
        finds="The engine's database could not grow. What was not accepted is not in it, and whoever asked is told so; "
        "what was accepted before stays. An engine says it once, and goes on when there is room.",
        why="An event that is not on disk is not accepted.",
        example="$ metaflow-triggers emit order-placed      # on a full disk",
        instead="$ df -h .\n$ metaflow-triggers retain --days 7        # or keep less",
        language="console",
    ),
    Rule(
        code="FT742",
        title="the database cannot be written",
        severity="error",
        finds="The engine's database, or its folder, may not be written by this user, or is on a disk that is mounted "
        "read-only. Reading needs it, too: SQLite keeps two files beside it.",
        why="Nothing can be accepted, started or switched.",
        example="$ chmod a-w . metaflow-triggers.db\n$ metaflow-triggers pause",
        instead="$ chmod u+w . metaflow-triggers.db",
        language="console",
    ),
    Rule(
        code="FT743",
        title="the database stays locked",
        severity="error",
        finds="Another process kept a transaction open for longer than a minute. Ours take milliseconds.",
        why="Nothing else can be written meanwhile.",
        example="$ sqlite3 metaflow-triggers.db\nsqlite> BEGIN IMMEDIATE;        -- and left open",
        instead="$ lsof metaflow-triggers.db        # then end the process that keeps it",
        language="console",
    ),
    Rule(
        code="FT744",
        title="an older database will be pruned",
        severity="note",
        finds="The database was made before the engine pruned anything. A day after an engine has said so first, "
        "payloads, logs and finished starts go when they are older than 30 days, and the oldest when they are more "
        "than 2 GiB. Ids stay, as hashes: nothing starts twice.",
        why="Without it the file grows for ever.",
        example="$ metaflow-triggers run flows       # after an upgrade",
        instead="$ metaflow-triggers retain --days 365 --size 20GiB      # what is set holds at once",
        language="console",
    ),
    Rule(
        code="FT750",
        title="the file is not a database of the local engine",
        severity="error",
        finds="The file that `--database` or METAFLOW_TRIGGERS_DATABASE names is something else, or cannot be opened. "
        "It was only read.",
        why="Tables of ours in somebody else's file would harm both.",
        example="$ metaflow-triggers run flows --database notes.txt",
        instead="$ metaflow-triggers run flows --database triggers.db     # a file that does not exist yet is made",
        language="console",
    ),
    Rule(
        code="FT751",
        title="a newer version wrote the database",
        severity="error",
        finds="The database has a newer form than this version of metaflow-triggers knows. It was only read.",
        why="An older engine would not understand what it reads, and could start flows twice.",
        example="$ metaflow-triggers run flows      # after a downgrade",
        instead="$ pip install --upgrade metaflow-triggers\n$ metaflow-triggers run flows",
        language="console",
    ),
    Rule(
        code="FT752",
        title="there is no database",
        severity="error",
        finds="A command that looks into the engine's database, or feeds it, found no file.",
        why="The path may be another one than the engine's: without `--database` it is a file in the current folder.",
        example="$ cd elsewhere\n$ metaflow-triggers history",
        instead="$ metaflow-triggers history --database ../project/metaflow-triggers.db",
        language="console",
    ),
    Rule(
        code="FT753",
        title="the folder for logs cannot be used",
        severity="error",
        finds="`--logs` names something that is no folder, or one that cannot be written to.",
        why="The output of every run would be lost.",
        example="$ metaflow-triggers run flows --logs /etc/hostname",
        instead="$ metaflow-triggers run flows --logs logs",
        language="console",
    ),
    Rule(
        code="FT754",
        title="Metaflow needs a user name",
        severity="error",
        finds="The engine would run flows, and neither the operating system nor METAFLOW_USER says for whom. "
        "Metaflow takes no `root`.",
        why="Every run would fail as it begins.",
        example="# as root, in a container\n$ metaflow-triggers run flows",
        instead="$ METAFLOW_USER=me metaflow-triggers run flows",
        language="console",
    ),
    Rule(
        code="FT755",
        title="this Python's SQLite is too old",
        severity="error",
        finds="The SQLite library that Python was built with is older than 3.35 (March 2021).",
        why="The engine changes a row and reads it in one statement, which older ones cannot.",
        example="$ python -c 'import sqlite3; print(sqlite3.sqlite_version)'\n3.31.1",
        instead="$ python3.12 -m venv .venv          # a Python that brings a newer one",
        language="console",
    ),
    Rule(
        code="FT756",
        title="an older version is at work on the database",
        severity="error",
        finds="The database is of an earlier version and has to be brought to the form of this one, and another "
        "process has it open: an engine of that earlier version. Nothing was changed.",
        why="The older engine would go on with what it knows of the tables, and could start flows twice or not at all.",
        example="$ pip install --upgrade metaflow-triggers     # while an engine is at work\n$ metaflow-triggers list",
        instead="$ kill PID_OF_THE_ENGINE                      # its runs go on; what it accepted is kept\n"
        "$ metaflow-triggers run flows",
        language="console",
    ),
)
