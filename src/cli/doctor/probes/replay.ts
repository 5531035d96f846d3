import { ADVICE } from '../advice.ts'
import { type Examination, type Finding, fail, ok, type Probe } from '../probe.ts'
import { mayReadTopic, mayWrite, streamPath } from '../rights.ts'
import { WatchedStream } from '../watched-stream.ts'
import { fieldsOf } from '../way.ts'

const PATIENCE_MS = 3000
/** A cursor of no hub: the answer to it is a `$gap`, if it arrives. */
const UNKNOWN = 'doctor.0'

/** Whether `Last-Event-ID` arrives, so that a client that comes back is given exactly what it missed. */
export const replay: Probe = {
  name: 'replay',
  needs: ['hub', 'caller', 'subscribe', 'stream'],
  async run(examination) {
    const lost = await headerLost(examination)
    if (lost) return lost
    if (!mayWrite(examination) || !mayReadTopic(examination)) {
      return ok(
        `Last-Event-ID arrives. What it brings was not looked at: that takes leave to publish ${examination.topic}.`,
      )
    }
    return await missed(examination)
  },
}

async function headerLost(examination: Examination): Promise<Finding | undefined> {
  const stream = WatchedStream.open(examination.way, streamPath(examination), { headers: { 'last-event-id': UNKNOWN } })
  try {
    // The gap comes first, or never.
    if (await stream.until(PATIENCE_MS, () => stream.named('$gap'))) return undefined
    stream.requireTaken()
    const saw = 'The header Last-Event-ID does not arrive: the hub takes a client that comes back for a new one'
    return fail(`${saw}, and events that it missed are lost to it.`, ADVICE.lastEventId)
  } finally {
    await stream.close()
  }
}

async function missed(examination: Examination): Promise<Finding> {
  const seen = await examination.events.publish('seen')
  const wanted = [await examination.events.publish('missed 1'), await examination.events.publish('missed 2')].map(
    ({ cursor }) => cursor,
  )
  const stream = WatchedStream.open(examination.way, streamPath(examination), {
    headers: { 'last-event-id': seen.cursor },
  })
  const events = () => stream.arrivals.filter(({ name }) => !name.startsWith('$'))
  try {
    await stream.until(PATIENCE_MS, () => events().find(({ id }) => id === wanted.at(-1)))
    stream.requireTaken()
    // Other probes publish to the same topic meanwhile: only the order and the beginning are theirs.
    const got = events().map(({ id }) => id)
    const page = await examination.way.ask(
      `/events/${examination.events.path}?format=json&since=${seen.cursor}&limit=1000`,
    )
    const { events: stored } = fieldsOf(page.text)
    const history = Array.isArray(stored) ? stored.map((event: { cursor?: unknown }) => event.cursor) : []
    const whole = wanted.every((cursor) => got.includes(cursor)) && new Set(got).size === got.length
    if (!whole || got[0] !== history[0]) {
      return fail(
        `A stream that resumed brought ${got.length} events and began with another one than the log.`,
        ADVICE.lastEventId,
      )
    }
    if (!wanted.every((cursor) => history.includes(cursor))) {
      return fail(`A page of history was answered with ${page.status}, without events that are stored.`, {
        general: 'Look whether the proxy caches answers, or drops the query: both are the hub’s own.',
      })
    }
    return ok('Last-Event-ID arrives, and brings what was missed, once and in order; so does a page of history.')
  } finally {
    await stream.close()
  }
}
