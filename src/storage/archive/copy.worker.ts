import { Connection } from '../sqlite/connection.ts'
import { corrupt } from '../sqlite/file-header.ts'
import { isCorrupt } from '../sqlite/sqlite-error.ts'
import { answerCalls } from '../worker/worker-end.ts'

/** One state of a database, without its free pages. */
export interface CopyCalls {
  /** Opens everything of it that will be read: the rights of who asks count here, and not in `copy`. */
  open: { ask: { from: string }; answer: null }
  copy: { ask: { to: string }; answer: null }
}

const CACHE_KIB = 8 * 1024

let database: Connection | undefined

answerCalls<CopyCalls>('backup', {
  open: ({ from }) => {
    database = new Connection(from, { readonly: true })
    database.run('PRAGMA busy_timeout = 5000')
    database.run(`PRAGMA cache_size = -${CACHE_KIB}`)
    // SQLite opens the -wal and its index when it first reads, and keeps them open.
    database.query('SELECT count(*) FROM sqlite_schema').get()
    return null
  },
  copy: ({ to }) => {
    try {
      database!.run('VACUUM INTO ?', [to])
    } catch (error) {
      // It is what is copied, not the copy.
      throw isCorrupt(error) ? corrupt(database!.filename, 'a database', error) : error
    } finally {
      database!.close()
    }
    return null
  },
})
