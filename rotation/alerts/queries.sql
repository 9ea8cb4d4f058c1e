-- name: about
SELECT name, value FROM about

-- name: tell
INSERT INTO about (name, value) VALUES (:name, :value)
ON CONFLICT (name) DO UPDATE SET value = excluded.value

-- name: seen
SELECT stream, seq FROM seen

-- name: see
INSERT INTO seen (stream, seq) VALUES (:stream, :seq)
ON CONFLICT (stream) DO UPDATE SET seq = excluded.seq

-- name: unsee
DELETE FROM seen

-- name: insert
INSERT OR IGNORE INTO alert (stream, event, episode, secret, said, raised_at)
VALUES (:stream, :event, :episode, :secret, :said, :now)

-- name: one
SELECT id, ended_at FROM alert WHERE stream = :stream AND event = :event AND episode = :episode

-- name: refresh
UPDATE alert SET said = :said WHERE id = :id

-- name: reopen
UPDATE alert SET said = :said, raised_at = :now, ended_at = NULL,
    acked_at = NULL, acked_by = NULL, acked_why = NULL
WHERE id = :id

-- name: announce_again
UPDATE delivery SET due = :now WHERE alert = :id AND NOT has_it

-- name: address
INSERT OR IGNORE INTO delivery (alert, route, due) VALUES (:id, :route, :now)

-- name: restart
-- A route that was not to have it for a while.
UPDATE delivery SET due = :now WHERE alert = :id AND route = :route AND due IS NULL
    AND (SELECT acked_at IS NULL AND ended_at IS NULL FROM alert WHERE alert.id = :id)

-- name: narrow
-- A route that it no longer goes to: not told yet, it never will be; told, only the end is left.
UPDATE delivery SET due = NULL, tries = 0, failing_since = NULL, why = NULL
WHERE alert = :id AND due IS NOT NULL AND route NOT IN (SELECT value FROM json_each(:routes))

-- name: standing
SELECT id, stream, event, episode, said FROM alert WHERE ended_at IS NULL

-- name: all
SELECT id, stream, event FROM alert

-- name: open
SELECT alert.id, alert.said, alert.raised_at, alert.acked_at, alert.acked_by, alert.acked_why,
    group_concat(delivery.route, ' ') FILTER (WHERE delivery.due IS NOT NULL AND NOT has_it)
FROM alert LEFT JOIN delivery ON delivery.alert = alert.id
WHERE ended_at IS NULL GROUP BY alert.id ORDER BY alert.id

-- name: end
UPDATE alert SET ended_at = :now WHERE id = :id AND ended_at IS NULL

-- name: end_news
UPDATE alert SET ended_at = :now WHERE ended_at IS NULL
    AND event IN (SELECT value FROM json_each(:events))
    AND NOT EXISTS (SELECT 1 FROM delivery WHERE alert = alert.id AND due IS NOT NULL)

-- name: end_this_news
UPDATE alert SET ended_at = :now WHERE id = :id AND ended_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM delivery WHERE alert = :id AND due IS NOT NULL)

-- name: may_have_it
UPDATE delivery SET has_it = 1
WHERE alert = :id AND NOT has_it AND why IN ('alerts.timed-out', 'alerts.no-receipt')

-- name: announce_end
UPDATE delivery SET due = :now, tries = 0, failing_since = NULL, why = NULL
WHERE alert = :id AND has_it

-- name: give_up
-- A route that never got it does not hear that it is over.
UPDATE delivery SET due = NULL, tries = 0, failing_since = NULL, why = NULL
WHERE alert = :id AND NOT has_it

-- name: due
-- In order per secret: an earlier alert that the route does not have yet goes first, also one that a
-- killed process may have sent.
WITH waiting AS MATERIALIZED (
    SELECT before.stream AS stream, min(before.id) AS first
    FROM delivery AS earlier JOIN alert AS before ON before.id = earlier.alert
    WHERE earlier.route = :route AND NOT earlier.has_it AND earlier.due > :now
    GROUP BY before.stream
)
SELECT alert.id, alert.said, alert.raised_at, alert.ended_at, delivery.has_it, delivery.sent,
    delivery.tries, delivery.due
FROM delivery JOIN alert ON alert.id = delivery.alert
LEFT JOIN waiting ON waiting.stream = alert.stream
WHERE delivery.route = :route AND delivery.due <= :now
    AND (waiting.first IS NULL OR alert.id <= waiting.first)
ORDER BY delivery.alert LIMIT 100

-- name: claim
UPDATE delivery SET due = :until WHERE alert = :id AND route = :route AND due = :due

-- name: sent
-- It came back while its end was sent: it is due again. It ended while it was sent: its end is due.
UPDATE delivery SET has_it = :has_it, sent = sent + 1, tries = 0, failing_since = NULL, why = NULL,
    due = (SELECT CASE WHEN ended_at IS NOT NULL THEN iif(:has_it AND NOT :news, :now, NULL)
                       WHEN NOT :has_it THEN :now
                       WHEN acked_at IS NULL THEN :again END
           FROM alert WHERE alert.id = :id)
WHERE alert = :id AND route = :route

-- name: failed
UPDATE delivery SET tries = tries + 1, due = :again, why = :why,
    failing_since = coalesce(failing_since, :now)
WHERE alert = :id AND route = :route

-- name: dropped
UPDATE delivery SET due = NULL, tries = 0, failing_since = NULL, why = NULL
WHERE alert = :id AND route = :route

-- name: back
-- The route answers again, so what waited for that goes now.
UPDATE delivery SET due = :now
WHERE route = :route AND due > :now
    AND why IN ('alerts.no-answer', 'alerts.no-receipt', 'alerts.timed-out', 'alerts.unavailable')

-- name: free
UPDATE delivery SET due = :now WHERE route = :route AND due > :now AND tries > 0

-- name: failing
SELECT route, min(failing_since), count(*), max(why) FROM delivery
WHERE due IS NOT NULL AND failing_since IS NOT NULL GROUP BY route ORDER BY route

-- name: ack
UPDATE alert SET acked_at = :now, acked_by = :who, acked_why = :why
WHERE id = :id

-- name: quiet
UPDATE delivery SET due = NULL, tries = 0, failing_since = NULL, why = NULL
WHERE alert = :id AND has_it

-- name: forget_routes
DELETE FROM delivery WHERE route NOT IN (SELECT value FROM json_each(:routes))

-- name: later
SELECT alert, route, due FROM delivery WHERE due > :now

-- name: move
UPDATE delivery SET due = :due, failing_since = iif(failing_since > :now, :now, failing_since)
WHERE alert = :alert AND route = :route

-- name: gone
SELECT id FROM alert WHERE ended_at < :before

-- name: forget_delivery
DELETE FROM delivery WHERE alert = :id

-- name: forget
DELETE FROM alert WHERE id = :id
