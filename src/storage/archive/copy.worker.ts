import { Connection } from '../sqlite/connection.ts'
import { answerCalls } from '../worker/worker-end.ts'

/** One state of a database, without its free pages. */
export interface CopyCalls {
  copy: { ask: { from: string; to: string }; answer: null }
}

const CACHE_KIB = 8 * 1024

answerCalls<CopyCalls>('backup', {
  copy: ({ from, to }) => {
    const database = new Connection(from, { readonly: true })
    try {
      database.run('PRAGMA busy_timeout = 5000')
      database.run(`PRAGMA cache_size = -${CACHE_KIB}`)
      database.run('VACUUM INTO ?', [to])
    } finally {
      database.close()
    }
    return null
  },
})
