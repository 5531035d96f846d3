import { ADVICE } from '../advice.ts'
import { type Examination, type Finding, fail, shown } from '../probe.ts'
import { mayReadTopic, mayWrite } from '../rights.ts'
import { WatchedStream } from '../watched-stream.ts'

/** The hub answers a call that takes longer than 1 s as a stream, whose beginning comes then. */
const BEGINNING_MS = 2500
const WAIT_S = 6
const HELD_MS = 1500
/** Of an event that no other probe publishes. */
const TYPE = 'doctor.reply'

/** The answer to a call of a tool that waits for an event: does it come when the event does? `undefined`: yes, or not to be seen. */
export async function replyHeld(
  examination: Examination,
  headers: Record<string, string>,
): Promise<Finding | undefined> {
  if (!examination.known.streams || !mayWrite(examination) || !mayReadTopic(examination)) return undefined
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 2,
    method: 'tools/call',
    params: {
      name: 'wait_for_event',
      arguments: { topics: [examination.topic], types: [TYPE], timeout_seconds: WAIT_S },
    },
  })
  const answer = WatchedStream.open(examination.way, '/mcp', { method: 'POST', headers, body })
  try {
    const began = await answer.until(BEGINNING_MS, () => (answer.bytes > 0 ? answer.response : undefined))
    if (!began) {
      return fail(
        `The answer to a call, POST /mcp, had not begun after ${shown(BEGINNING_MS)}, where the hub begins after 1 s.`,
        ADVICE.buffering,
      )
    }
    await examination.events.publish('reply', { type: TYPE })
    const came = await answer.until(HELD_MS, () => answer.named('message')?.at ?? answer.endedAt)
    if (came !== undefined && answer.named('message')) return undefined
    return fail('The answer to a call, POST /mcp, did not come when it was there.', ADVICE.buffering)
  } finally {
    await answer.close()
  }
}
