import { ADVICE } from '../advice.ts'
import { fail, ok, type Probe, warn } from '../probe.ts'
import { type Answer, NoAnswer, type Way } from '../way.ts'

const KIB = 1024
/** Above the largest event, and above what nginx lets through when nobody says otherwise. */
const EVENT_BYTES = 260 * KIB
const BATCH_BYTES = 1100 * KIB
const PATIENCE_MS = 30_000

/** Whether bodies arrive that are as large as the hub takes. What is sent is refused by the hub, so nothing is stored. */
export const size: Probe = {
  name: 'size',
  needs: ['hub'],
  async run({ way }) {
    const event = await posted(way, EVENT_BYTES)
    if (event !== undefined) {
      return fail(`A body of ${EVENT_BYTES / KIB} KiB, which one event may have, ${event}.`, ADVICE.size)
    }
    const batch = await posted(way, BATCH_BYTES)
    if (batch !== undefined) {
      return warn(`A body of ${BATCH_BYTES / KIB} KiB ${batch}; batches have up to 8 MiB.`, ADVICE.size)
    }
    return ok(`Bodies of ${BATCH_BYTES / KIB} KiB arrive.`)
  },
}

/** What became of a body that did not arrive; `undefined` if it did. */
async function posted(way: Way, bytes: number): Promise<string | undefined> {
  const nothing = '{"doctor":true}'
  let answer: Answer
  try {
    answer = await way.ask('/events', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: nothing.padStart(bytes),
      timeoutMs: PATIENCE_MS,
    })
  } catch (error) {
    if (error instanceof NoAnswer && !way.signal.aborted) return `had no answer (${error.code ?? error.message})`
    throw error
  }
  return answer.code ? undefined : `was answered with ${answer.status}, and not by the hub`
}
