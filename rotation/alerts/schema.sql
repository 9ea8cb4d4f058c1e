-- What was sent to whom. Nothing here is a truth about a secret: without this file, alerts that are
-- not over are sent again, and nothing else happens. Times are UTC text that sorts as time does.

-- origin: the journal that this was read from; routes: those that were asked; looked_at: the last look.
CREATE TABLE IF NOT EXISTS about (
    name TEXT PRIMARY KEY,
    value TEXT
) WITHOUT ROWID;

-- The last entry of each stream that was looked at.
CREATE TABLE IF NOT EXISTS seen (
    stream TEXT PRIMARY KEY,
    seq BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS alert (
    id INTEGER PRIMARY KEY,
    stream TEXT NOT NULL,
    event TEXT NOT NULL,
    episode TEXT NOT NULL,
    secret TEXT NOT NULL,
    said TEXT NOT NULL,
    raised_at TEXT NOT NULL,
    acked_at TEXT,
    acked_by TEXT,
    acked_why TEXT,
    ended_at TEXT,
    UNIQUE (stream, event, episode)
);

CREATE INDEX IF NOT EXISTS alert_open ON alert (id) WHERE ended_at IS NULL;
CREATE INDEX IF NOT EXISTS alert_ended ON alert (ended_at) WHERE ended_at IS NOT NULL;

-- due: when the next message is sent; NULL: nothing is left to say. has_it: the route has the alert
-- and not its end. sent: messages so far. failing_since: of the tries since the last message.
CREATE TABLE IF NOT EXISTS delivery (
    alert INTEGER NOT NULL,
    route TEXT NOT NULL,
    due TEXT,
    has_it INTEGER NOT NULL DEFAULT 0,
    sent INTEGER NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0,
    failing_since TEXT,
    why TEXT,
    PRIMARY KEY (alert, route)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS delivery_due ON delivery (route, alert, due, has_it) WHERE due IS NOT NULL;
CREATE INDEX IF NOT EXISTS delivery_failing ON delivery (route, failing_since)
    WHERE failing_since IS NOT NULL;
