import { openLog } from '../../src/storage/open.ts'
import { eventLogContract } from '../contract/event-log.ts'
import { logOptions } from '../support/log-options.ts'
import { tempDir } from '../support/temp-dir.ts'

for (const durability of ['full', 'normal'] as const) {
  eventLogContract(`the event log in SQLite, durability ${durability}`, async (choices) => {
    const directory = tempDir()
    const log = await openLog(logOptions({ ...choices, durability, directory: directory.path }))
    return {
      log,
      close: async () => {
        await log.close()
        directory[Symbol.dispose]()
      },
    }
  })
}
