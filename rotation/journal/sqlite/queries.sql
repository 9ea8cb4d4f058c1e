-- {entry}, {identity} and {derived} are columns in the order in which they are read.

-- name: whole
SELECT {entry} FROM entry WHERE stream = :stream ORDER BY seq

-- name: latest
SELECT {entry} FROM entry
WHERE stream = :stream
  AND seq >= (SELECT rotation FROM entry WHERE stream = :stream ORDER BY seq DESC LIMIT 1)
ORDER BY seq

-- name: newer
-- Not one statement with `latest`: of two lower bounds SQLite takes the wrong one, and reads all.
SELECT {entry} FROM entry
WHERE stream = :stream
  AND seq >= (SELECT rotation FROM entry WHERE stream = :stream ORDER BY seq DESC LIMIT 1)
  AND seq > :after
ORDER BY seq

-- name: closing
SELECT {entry} FROM entry
WHERE stream = :stream
  AND seq >= (SELECT rotation FROM entry WHERE stream = :stream ORDER BY seq DESC LIMIT 1)
  AND kind = 'closed'
ORDER BY seq

-- name: closings
SELECT {entry} FROM (
    SELECT stream AS ended, rotation AS began FROM identity
    WHERE stream > :after AND rotation > 0 AND plan IS NULL
) CROSS JOIN entry ON stream = ended AND seq > began AND kind = 'closed'
WHERE instr(facts, :without) = 0
ORDER BY ended LIMIT :page

-- name: history
SELECT {entry} FROM entry WHERE stream = :stream AND seq > :after ORDER BY seq LIMIT :page

-- name: of_kinds
SELECT {entry} FROM entry
WHERE stream = 'installation' AND kind IN (SELECT value FROM json_each(:kinds))
ORDER BY seq

-- name: by_people
SELECT {entry} FROM entry WHERE who IS NOT NULL AND at >= :since ORDER BY at, stream, seq

-- name: done_steps
SELECT DISTINCT stream, step FROM entry WHERE kind = 'done' AND at >= :since

-- name: streams
SELECT DISTINCT stream FROM entry
WHERE stream > :after AND stream <> 'installation'
ORDER BY stream LIMIT :page

-- name: size
SELECT count(*) FROM entry

-- name: row
SELECT {identity} FROM identity WHERE stream = :stream

-- name: rows
SELECT {identity} FROM identity WHERE stream > :after AND seq > 0 ORDER BY stream LIMIT :page

-- name: held_for
SELECT {identity} FROM identity WHERE held = :code ORDER BY stream

-- name: paused
SELECT {identity} FROM identity WHERE on_hold ORDER BY stream

-- name: runnable
SELECT {identity} FROM identity WHERE wake_at <= :now ORDER BY wake_at

-- name: next_wake
SELECT min(wake_at) FROM identity WHERE wake_at IS NOT NULL

-- name: strays
SELECT identity.stream FROM identity CROSS JOIN entry AS last ON last.stream = identity.stream
    AND last.seq = (SELECT max(seq) FROM entry WHERE entry.stream = identity.stream)
WHERE identity.seq > 0 AND (
    identity.seq <> last.seq OR identity.hash <> last.hash
    OR identity.rotation > 0 AND CASE WHEN plan IS NULL THEN NOT EXISTS (
        SELECT 1 FROM entry WHERE entry.stream = identity.stream
            AND entry.seq > identity.rotation AND kind = 'closed'
    ) ELSE
        held IS NOT json_extract(last.facts, '$.next.held')
        OR wake_at IS NOT iif(
            json_type(last.facts, '$.next.until') IS NULL,
            :at_once, json_extract(last.facts, '$.next.until')
        )
    END
)
ORDER BY identity.stream

-- name: insert_entry
INSERT INTO entry ({entry}) VALUES ({entry_values})

-- name: insert_row
INSERT INTO identity ({identity}) VALUES ({identity_values})

-- name: raise_epochs
UPDATE identity SET epoch = epoch + 1, lease_runner = NULL, lease_until = NULL

-- name: seal_of
SELECT mac, accepted FROM seal WHERE stream = :stream

-- name: put_seal
INSERT OR REPLACE INTO seal (stream, mac, accepted) VALUES (:stream, :mac, :accepted)

-- name: remove_seals
DELETE FROM seal

-- name: sealed_streams
SELECT stream FROM identity WHERE seq > 0 ORDER BY stream

-- name: end
SELECT seq, hash FROM entry WHERE stream = :stream ORDER BY seq DESC LIMIT 1

-- name: derived_row
SELECT {derived} FROM identity WHERE stream = :stream AND seq > 0

-- name: heads
SELECT
    (SELECT mac FROM seal WHERE seal.stream = identity.stream),
    (SELECT accepted FROM seal WHERE seal.stream = identity.stream),
    (SELECT hash FROM entry WHERE entry.stream = identity.stream AND entry.seq = identity.seq),
    (SELECT seq FROM entry WHERE entry.stream = identity.stream AND entry.seq = identity.seq + 1),
    {derived}
FROM identity WHERE seq > 0

-- name: seals_without_row
SELECT stream FROM seal
WHERE stream NOT IN ('', 'installation')
  AND stream NOT IN (SELECT stream FROM identity WHERE seq > 0)
