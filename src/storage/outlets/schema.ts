/** "mcpw": not an event log, and not another program's. */
export const APPLICATION_ID = 0x6d637077
/** The newest format this program reads and the one it writes (`user_version`). */
export const FORMAT = 1

/**
 * Progress changes with every delivery and a definition hardly ever, hence not in one row: an update writes all of it.
 * AUTOINCREMENT: what waited for an outlet that is gone can never come to another.
 */
export const SCHEMA = `
  CREATE TABLE outlets (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    definition TEXT NOT NULL
  ) STRICT;
  CREATE TABLE progress (outlet INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
  CREATE TABLE waiting (
    outlet INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    cursor TEXT NOT NULL,
    PRIMARY KEY (outlet, offset)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE verified (
    principal TEXT NOT NULL,
    url TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (principal, url)
  ) STRICT, WITHOUT ROWID;`
