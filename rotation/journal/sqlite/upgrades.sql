-- From each older schema to the next one. What stands here stays as it is.

-- name: 1
CREATE TABLE seal (
    stream TEXT PRIMARY KEY,
    mac TEXT NOT NULL,
    accepted BIGINT NOT NULL
) WITHOUT ROWID;

-- name: 2
-- What is in the entries became keyed, which only an earlier version minds.

-- name: 3
CREATE INDEX IF NOT EXISTS entry_installation_kind ON entry (kind, seq) WHERE stream = 'installation';
