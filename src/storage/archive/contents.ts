import { type Generation, Generations } from '../../core/cursor.ts'
import { HubError } from '../../core/errors.ts'
import { Connection } from '../sqlite/connection.ts'
import { checkHeader, corrupt, type FileKind } from '../sqlite/file-header.ts'
import { EVENT_LOG } from '../sqlite/open-database.ts'
import { FORMAT } from '../sqlite/schema.ts'
import { isCorrupt } from '../sqlite/sqlite-error.ts'

export interface Contents {
  events: number
  /** Of the events, as retention counts them. */
  bytes: number
  /** The newest offset ever. */
  head: number
  generations: Generations
}

/** Through a connection that cannot write. @throws HubError `log-corrupt`, `log-newer`, `not-found` for an empty file */
export function logContents(path: string): Contents {
  requireFormat(path, EVENT_LOG)
  return read(path, EVENT_LOG, contentsOf)
}

/** Looks at every page. @throws HubError `log-corrupt`, `log-newer` */
export function checkDatabase(path: string, kind: FileKind): void {
  requireFormat(path, kind)
  read(path, kind, (database) => {
    const [result] = database.query<{ quick_check: string }, []>('PRAGMA quick_check(1)').all()
    if (result?.quick_check !== 'ok') throw corrupt(path, kind.what, new Error(result?.quick_check))
  })
}

function requireFormat(path: string, kind: FileKind): void {
  const format = checkHeader(path, kind)
  if (format === undefined) throw new HubError('not-found', `${path} is empty: there is nothing in it yet.`)
  if (kind === EVENT_LOG && format < FORMAT) {
    throw new HubError(
      'log-failed',
      `${path} has the older format ${format}; start the hub once, which brings it up to date.`,
    )
  }
}

function read<T>(path: string, { what }: FileKind, ask: (database: Connection) => T): T {
  const database = new Connection(path, { readonly: true })
  try {
    database.run('PRAGMA busy_timeout = 5000')
    return ask(database)
  } catch (error) {
    throw isCorrupt(error) ? corrupt(path, what, error) : error
  } finally {
    database.close()
  }
}

function contentsOf(database: Connection): Contents {
  return database.transaction(() => {
    const kept = database
      .query<{ events: number; bytes: number }, []>(
        'SELECT coalesce(sum(events), 0) AS events, coalesce(sum(bytes), 0) AS bytes FROM topics',
      )
      .get()!
    const { head } = database
      .query<{ head: number }, []>(
        // Not of the events: their last page may be a damaged one, and what is on the others is to be exported.
        'SELECT max((SELECT offset FROM newest), coalesce((SELECT max(last_offset) FROM topics), 0)) AS head',
      )
      .get()!
    const generations = database
      .query<Generation, []>('SELECT epoch, first_offset AS firstOffset FROM generations ORDER BY rowid')
      .all()
    return { ...kept, head, generations: new Generations(generations) }
  })()
}
