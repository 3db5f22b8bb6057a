"""Schema: the tables of the engine's database file, and how they came to be.

In:   nothing; these are statements.
Out:  MIGRATIONS in order: what a file of one version lacks to be one of the next. A new file takes all of them.

Not here: opening a file (`store`), carrying migrations out (`migrate`). What a table is for stands above it.
A migration that has been released is never changed. One only adds (tables, columns with a default, indexes, triggers):
runs that an older version has launched write their outcome into the migrated file.
"""

from __future__ import annotations

_FIRST = (
    """
CREATE TABLE events (
    sequence INTEGER PRIMARY KEY,
    -- Of an event `<name>/<id>` (`local_events.row_key`); earlier versions wrote the id alone.
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('event', 'finish', 'schedule', 'poll')),
    body TEXT NOT NULL,
    timestamp TEXT NOT NULL,
    UNIQUE (kind, id)
)""",
    """
-- How far a flow's triggers have read the log. It moves in the transaction that inserts their starts.
CREATE TABLE cursors (
    flow_key TEXT PRIMARY KEY,
    sequence INTEGER NOT NULL
) WITHOUT ROWID""",
    """
-- Half-arrived sets of `all`: the events that each dependency (its place in the trigger) has.
CREATE TABLE waiting (
    flow_key TEXT NOT NULL,
    trigger_key TEXT NOT NULL,
    dependency INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (flow_key, trigger_key, dependency, sequence)
) WITHOUT ROWID""",
    """
CREATE TABLE starts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    flow_key TEXT NOT NULL,
    start_key TEXT NOT NULL,
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN (
        'claimed', 'started', 'succeeded', 'failed', 'aborted', 'timed_out', 'lost', 'refused')),
    reason TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    -- The engine that has issued a claimed start, and when it may be issued (again).
    owner_pid INTEGER,
    owner_started TEXT,
    not_before TEXT,
    -- The process of a started one.
    pid INTEGER,
    pid_started TEXT,
    run_id TEXT,
    -- Why a running one is being ended: 'aborted' or 'timed_out'.
    ending TEXT,
    step TEXT,
    error TEXT,
    scheduled_at TEXT NOT NULL,
    started_at TEXT,
    ended_at TEXT,
    UNIQUE (flow_key, start_key)
)""",
    "CREATE INDEX starts_active ON starts (state, flow_key, id) WHERE state IN ('claimed', 'started')",
    "CREATE INDEX starts_to_issue ON starts (flow_key, id) WHERE state = 'claimed' AND owner_pid IS NULL",
    """
-- Flows that are not started for now; '*' is all of them.
CREATE TABLE paused (
    flow_key TEXT PRIMARY KEY,
    since TEXT NOT NULL
) WITHOUT ROWID""",
)

_SCHEDULES = """
CREATE TABLE IF NOT EXISTS schedules (
    flow_key TEXT PRIMARY KEY,
    cron TEXT NOT NULL,
    timezone TEXT NOT NULL,
    -- When it fires next; NULL: never again.
    next_due TEXT
) WITHOUT ROWID
"""

_POLLS = (
    """
CREATE TABLE IF NOT EXISTS poll_triggers (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    workflow TEXT NOT NULL,
    interval TEXT NOT NULL,
    interval_ms INTEGER NOT NULL,
    allow_concurrent INTEGER NOT NULL,
    enabled INTEGER NOT NULL DEFAULT 1,
    -- Of the last claim; never reset, also when claims are pruned.
    generation INTEGER NOT NULL DEFAULT 0,
    owner TEXT,
    epoch INTEGER NOT NULL DEFAULT 0,
    last_poll_at TEXT,
    next_due_at TEXT,
    last_result TEXT,
    last_error TEXT,
    consecutive_errors INTEGER NOT NULL DEFAULT 0,
    suppressed_count INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
)""",
    """
CREATE TABLE IF NOT EXISTS poll_owners (
    owner TEXT PRIMARY KEY,
    pid INTEGER NOT NULL,
    pid_started TEXT,
    beat INTEGER NOT NULL
) WITHOUT ROWID""",
    # Accepted fires. `active` is about equal contexts; the state of the run itself is in `starts`.
    """
CREATE TABLE IF NOT EXISTS poll_claims (
    id TEXT PRIMARY KEY,
    trigger_name TEXT NOT NULL,
    workflow_name TEXT NOT NULL,
    flow_key TEXT NOT NULL,
    start_key TEXT NOT NULL,
    tick TEXT NOT NULL,
    generation INTEGER NOT NULL,
    context TEXT NOT NULL,
    context_hash TEXT NOT NULL,
    exclusive INTEGER NOT NULL,
    active INTEGER NOT NULL,
    due_at TEXT NOT NULL,
    claimed_at TEXT NOT NULL,
    UNIQUE (trigger_name, generation),
    UNIQUE (trigger_name, tick)
)""",
    """
CREATE UNIQUE INDEX IF NOT EXISTS poll_claims_active ON poll_claims (trigger_name, context_hash)
    WHERE active = 1 AND exclusive = 1""",
    # One number that moves with every change of `enabled`: cheap to ask before each round of polls.
    "CREATE TABLE IF NOT EXISTS poll_changes (number INTEGER NOT NULL)",
    "INSERT INTO poll_changes SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM poll_changes)",
)

_RETENTION = (
    """
-- Hashes of ids whose events, starts or claims were pruned (`local_events.forgotten_hash`), and the day of that.
CREATE TABLE forgotten (
    hash BLOB PRIMARY KEY,
    day INTEGER NOT NULL
) WITHOUT ROWID""",
    # `waits.FLOW`, `parameters.FLOW`, `logs`: see `store`; `retain.days`, `.size`, `.ids` as they were set;
    # `retain.begin`: when pruning begins, "" where nobody has to wait.
    "CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "INSERT INTO settings SELECT 'retain.begin', '' WHERE NOT EXISTS (SELECT 1 FROM events)"
    " AND NOT EXISTS (SELECT 1 FROM starts)",
    # When an engine last served the flow.
    "ALTER TABLE cursors ADD COLUMN served_at TEXT",
)

_INDEXES = (
    # The oldest first, for retention: it visits what goes and nothing else.
    "CREATE INDEX starts_ended ON starts (ended_at) WHERE ended_at IS NOT NULL",
    "CREATE INDEX poll_claims_start ON poll_claims (start_key)",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    _FIRST,
    (_SCHEDULES, *_POLLS),  # some files of version 1 have them already
    # Why a poll trigger is not polled for now: the process that polls its file has ended.
    ("ALTER TABLE poll_triggers ADD COLUMN down TEXT",),
    _RETENTION,
    _INDEXES,
)
"""The statements of version 1, of version 2, and so on; `PRAGMA user_version` says which a file has."""

USER_VERSION = len(MIGRATIONS)
"""Of a file that this version of metaflow-triggers works on."""
