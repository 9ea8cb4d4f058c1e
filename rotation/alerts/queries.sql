-- name: seen
SELECT stream, seq FROM seen

-- name: see
INSERT INTO seen (stream, seq) VALUES (:stream, :seq)
ON CONFLICT (stream) DO UPDATE SET seq = max(seq, excluded.seq)

-- name: insert
INSERT OR IGNORE INTO alert (stream, event, episode, secret, said, raised_at)
VALUES (:stream, :event, :episode, :secret, :said, :now)

-- name: one
SELECT id, ended_at FROM alert WHERE stream = :stream AND event = :event AND episode = :episode

-- name: refresh
UPDATE alert SET said = :said WHERE id = :id AND said <> :said

-- name: reopen
UPDATE alert SET said = :said, raised_at = :now, ended_at = NULL,
    acked_at = NULL, acked_by = NULL, acked_why = NULL
WHERE id = :id

-- name: announce_again
UPDATE delivery SET due = :now WHERE alert = :id AND NOT has_it

-- name: address
INSERT OR IGNORE INTO delivery (alert, route, due) VALUES (:id, :route, :now)

-- name: open
SELECT alert.id, alert.said, alert.raised_at, alert.acked_at, alert.acked_by, alert.acked_why,
    group_concat(delivery.route, ' ') FILTER (WHERE delivery.due IS NOT NULL AND NOT has_it)
FROM alert LEFT JOIN delivery ON delivery.alert = alert.id
WHERE ended_at IS NULL GROUP BY alert.id ORDER BY alert.id

-- name: end
UPDATE alert SET ended_at = :now WHERE id = :id AND ended_at IS NULL

-- name: end_news
UPDATE alert SET ended_at = :now WHERE id = :id
    AND NOT EXISTS (SELECT 1 FROM delivery WHERE alert = :id AND due IS NOT NULL)

-- name: announce_end
-- A route that never got it does not hear that it is over. One that did not answer in time may have it.
UPDATE delivery SET due = iif(has_it OR why = 'alerts.timed-out', :now, NULL), tries = 0, failing_since = NULL, why = NULL
WHERE alert = :id

-- name: due
-- In order per secret: an earlier alert that the route does not have yet goes first, also one that a
-- killed process may have sent.
SELECT alert.id, alert.said, alert.raised_at, alert.ended_at, delivery.has_it, delivery.sent,
    delivery.tries, delivery.due
FROM delivery JOIN alert ON alert.id = delivery.alert
WHERE delivery.route = :route AND delivery.due <= :now AND NOT EXISTS (
    SELECT 1 FROM delivery AS earlier JOIN alert AS before ON before.id = earlier.alert
    WHERE earlier.route = :route AND NOT earlier.has_it AND earlier.due > :now
        AND before.stream = alert.stream AND before.id < alert.id
)
ORDER BY alert.id LIMIT 100

-- name: claim
UPDATE delivery SET due = :until WHERE alert = :id AND route = :route AND due = :due

-- name: sent
UPDATE delivery SET has_it = :has_it, sent = sent + 1, tries = 0, failing_since = NULL, why = NULL,
    due = (SELECT CASE WHEN ended_at IS NOT NULL THEN iif(:has_it, :now, NULL)
                       WHEN NOT :has_it THEN :now  -- it came back while its end was sent
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
WHERE route = :route AND due > :now AND why IN ('alerts.no-answer', 'alerts.timed-out')

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

-- name: forget_deliveries
DELETE FROM delivery WHERE alert IN (SELECT id FROM alert WHERE ended_at < :before)

-- name: forget
DELETE FROM alert WHERE ended_at < :before
