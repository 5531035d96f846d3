import type { Database } from 'bun:sqlite'

/** "mcps": tells our files from other programs' databases. */
export const APPLICATION_ID = 0x6d637073
/** The newest format this program reads and the one it writes (`user_version`). */
export const FORMAT = 1

/**
 * 8 KiB holds 30 events of 200 bytes: 441,000 inserted rows/s against 293,000 with 4 KiB and 257,000 with 16 KiB.
 */
export const PAGE_SIZE = 8_192

/**
 * `events.data` comes last, so that skimming topics and sizes does not read the overflow pages of large events.
 * `topics` carries the counts, kept up in the transaction that changes them: `GET /topics` and the totals of retention
 * then never count events, at 5 % of the time of an insert with one topic and a third with 10,000 at random.
 * AUTOINCREMENT: an id never comes back, so a remembered id → name stays true.
 */
const EVENTS = `
  CREATE TABLE events (
    offset INTEGER PRIMARY KEY,
    topic_id INTEGER NOT NULL,
    received INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    is_text INTEGER NOT NULL,
    type TEXT NOT NULL,
    id TEXT,
    time TEXT,
    data TEXT NOT NULL
  ) STRICT;
  CREATE INDEX events_by_topic ON events (topic_id);
  CREATE UNIQUE INDEX events_by_id ON events (topic_id, id) WHERE id IS NOT NULL;
  CREATE TABLE generations (first_offset INTEGER NOT NULL, epoch TEXT NOT NULL) STRICT;`

const BOOKS = `
  CREATE TABLE groups (
    rank INTEGER PRIMARY KEY,
    pattern TEXT NOT NULL UNIQUE,
    horizon_offset INTEGER NOT NULL,
    horizon_received INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE newest (offset INTEGER NOT NULL, received INTEGER NOT NULL) STRICT;`

const COUNTS = ['events', 'bytes', 'last_offset', 'last_received']

/** The format before the first release: no counts, no horizons, no memory of what the newest offset was. */
export const FORMAT_0 = `
  CREATE TABLE topics (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE) STRICT;${EVENTS}`

export const SCHEMA = `
  CREATE TABLE topics (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    ${COUNTS.map((column) => `${column} INTEGER NOT NULL DEFAULT 0`).join(',\n    ')}
  ) STRICT;${EVENTS}${BOOKS}
  INSERT INTO newest VALUES (0, 0);`

/** `migrations[n]` turns format `n` into `n + 1`, inside one transaction. */
export const migrations: readonly ((database: Database) => void)[] = [
  (database) => {
    for (const column of COUNTS) database.run(`ALTER TABLE topics ADD COLUMN ${column} INTEGER NOT NULL DEFAULT 0`)
    database.run(`
      UPDATE topics SET events = counted.events, bytes = counted.bytes, last_offset = counted.last
      FROM (SELECT topic_id, count(*) AS events, sum(bytes) AS bytes, max(offset) AS last FROM events GROUP BY topic_id)
        AS counted
      WHERE counted.topic_id = topics.id`)
    database.run('DELETE FROM topics WHERE events = 0')
    database.run('UPDATE topics SET last_received = (SELECT received FROM events WHERE offset = last_offset)')
    database.run(BOOKS)
    database.run(`INSERT INTO newest VALUES (
      coalesce((SELECT max(offset) FROM events), 0), coalesce((SELECT max(received) FROM events), 0))`)
  },
]
