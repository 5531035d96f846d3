import { openLog } from '../../src/storage/open.ts'
import { eventLogContract } from '../contract/event-log.ts'
import { logOptions } from '../support/log-options.ts'

eventLogContract('the event log in memory', async (choices) => {
  const log = await openLog(logOptions({ ...choices, durability: 'memory' }))
  return { log, close: () => log.close() }
})
