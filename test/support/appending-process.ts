import { systemClock } from '../../src/daemon/clock.ts'
import { openLog } from '../../src/storage/open.ts'
import { draftOf } from './draft.ts'
import { logOptions } from './log-options.ts'

/**
 * A process that opens the log in `argv[2]`, says `open`, and appends one event after the other, each by itself; it
 * says every offset once that is acknowledged, and the code of the failure that ends it.
 */
const log = await openLog(logOptions({ directory: process.argv[2]!, clock: systemClock })).catch((error) => {
  console.log(error.code)
  process.exit(1)
})
log.onFailure((error) => console.log(`failure ${error.code}`))
console.log('open')
const publish = async (name: string) => {
  for (let index = 0; ; index++) {
    const [receipt] = await log.append([draftOf('a', JSON.stringify(`${name}.${index} ${'x'.repeat(500)}`))])
    console.log(`${receipt!.offset} ${name}.${index}`)
  }
}
const ended = await Promise.allSettled(['a', 'b', 'c', 'd'].map(publish))
console.log(`ended ${ended.map((end) => (end as PromiseRejectedResult).reason.code).join(' ')}`)
await log.close()
console.log('closed')
