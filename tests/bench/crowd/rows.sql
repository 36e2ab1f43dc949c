-- Deterministic rows: whose a record is comes from a hash of its number, so that a person has more of some and fewer of
-- others. {people} is the only parameter. Every eighth person is another client's.

INSERT INTO clients VALUES (1, 'Nordlicht'), (2, 'Fernweh');

INSERT INTO callers
SELECT n, CASE WHEN n % 8 = 0 THEN 2 ELSE 1 END, '+4930' || lpad(n::text, 8, '0'), 'Caller ' || md5(n::text),
       timestamptz '2024-01-01 UTC' + n * interval '1 minute'
  FROM generate_series(1, {people}) AS n;

INSERT INTO calls
SELECT n, c.client_id, c.id, c.phone, 30 + n % 600, timestamptz '2025-01-01 UTC' + n * interval '1 second'
  FROM generate_series(1, 5 * {people}) AS n
  JOIN callers AS c ON c.id = 1 + abs(hashint8extended(n, 1) % {people});

INSERT INTO call_notes
SELECT n, n + n / 2, 'Asked for ' || md5(n::text) || ', rang off after ' || md5((n + 7)::text),
       timestamptz '2025-01-01 UTC' + n * interval '1 second'
  FROM generate_series(1, 3 * {people}) AS n;

INSERT INTO recordings
SELECT n, n + n / 2, 'calls/' || md5((n * 3)::text) || '.wav', 40000 + n % 100000
  FROM generate_series(1, 3 * {people}) AS n;

INSERT INTO transcripts
SELECT n, n, repeat('word ' || md5(n::text) || ' ', 4)
  FROM generate_series(1, 3 * {people}) AS n;

INSERT INTO callbacks
SELECT n, 1 + abs(hashint8extended(n, 2) % {people}), timestamptz '2025-02-01 UTC' + n * interval '1 second'
  FROM generate_series(1, {people}) AS n;

-- A lead names its caller, or only the number that rang.
INSERT INTO leads
SELECT n, c.client_id, CASE WHEN n % 4 > 0 THEN c.id END, CASE WHEN n % 2 = 0 THEN c.phone END, c.name,
       timestamptz '2025-03-01 UTC' + n * interval '1 second'
  FROM generate_series(1, 2 * {people}) AS n
  JOIN callers AS c ON c.id = 1 + abs(hashint8extended(n, 3) % {people});

INSERT INTO lead_answers
SELECT n, n, 'Wants ' || md5(n::text)
  FROM generate_series(1, 2 * {people}) AS n;
