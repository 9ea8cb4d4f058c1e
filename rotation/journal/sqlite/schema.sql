-- Entries are the truth. The rows of `identity` follow from them, but for epoch and lease. Times are
-- UTC text that sorts as time does.

CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE entry (
    stream TEXT,
    seq BIGINT NOT NULL,
    rotation BIGINT NOT NULL,
    schema INTEGER NOT NULL,
    kind TEXT NOT NULL,
    position BIGINT,
    step TEXT,
    subject TEXT,
    round BIGINT,
    attempt TEXT,
    epoch BIGINT NOT NULL,
    runner TEXT NOT NULL,
    who TEXT,
    at TEXT NOT NULL,
    server_at TEXT,
    facts TEXT NOT NULL,
    prev TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (stream, seq)
) WITHOUT ROWID;

CREATE INDEX entry_installation_kind ON entry (kind, seq) WHERE stream = 'installation';

CREATE TABLE identity (
    stream TEXT PRIMARY KEY,
    identity TEXT NOT NULL,
    secret TEXT NOT NULL,
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL,
    rotation BIGINT NOT NULL,
    plan TEXT,
    opened_at TEXT,
    phase TEXT,
    row TEXT,
    wake_at TEXT,
    why TEXT,
    held TEXT,
    held_at TEXT,
    on_hold BOOLEAN NOT NULL,
    version TEXT,
    handle TEXT,
    created TEXT,
    stated BOOLEAN NOT NULL,
    expires TEXT,
    old TEXT,
    last_outcome TEXT,
    last_success_at TEXT,
    last_closed_at TEXT,
    rollbacks BIGINT NOT NULL,
    retired BOOLEAN NOT NULL,
    unverified BOOLEAN NOT NULL,
    epoch BIGINT NOT NULL,
    lease_runner TEXT,
    lease_until TEXT
) WITHOUT ROWID;

CREATE INDEX identity_wakes ON identity (wake_at) WHERE wake_at IS NOT NULL;

CREATE TABLE seal (
    stream TEXT PRIMARY KEY,
    mac TEXT NOT NULL,
    accepted BIGINT NOT NULL
) WITHOUT ROWID;
