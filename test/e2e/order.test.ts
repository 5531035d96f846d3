import { expect, test } from 'bun:test'
import type { Block } from '../support/block.ts'
import { Executable } from '../support/executable.ts'
import { ResumingReader } from '../support/resuming-reader.ts'
import { type LoggedEvent, offsetOf, Sequence } from '../support/sequence.ts'
import { until } from '../support/until.ts'

const PUBLISHERS = 8
const REQUESTS = 60
/** Every fourth request: above `stream.max_queue` at once, so that it throws every live reader back to the log. */
const BATCH = 80
const TOPICS = ['orders/1', 'orders/2', 'orders/2/lines', 'stock/a', 'stock/b', 'log']
const TYPES = ['message', 'paid', 'paid.late']
/** More than the hub holds in memory (16 MiB), so that whoever starts at the beginning reads from the disk. */
const BULK = { events: 1_600, bytes: 12_000, batch: 400 }
const RETAINED = 2_000

/** Until when a reader does what it does, in events published. */
interface Habit {
  /** Begins when so many are published; default 0. */
  joins?: number
  /** Goes for good. */
  leaves?: number
  /** Cuts its connection after every so many blocks. */
  drops?: number
  /** Takes nothing off its socket between these two. */
  pauses?: [from: number, to: number]
}

interface Plan extends Habit {
  query: string
  matches(event: LoggedEvent): boolean
}

const TOTAL = PUBLISHERS * ((REQUESTS / 4) * (3 + BATCH))
const all = () => true
const under = (prefix: string) => (event: LoggedEvent) => event.topic.startsWith(prefix)
const inTopics =
  (...topics: string[]) =>
  ({ topic }: LoggedEvent) =>
    topics.includes(topic)
const ordersOf = ({ topic }: LoggedEvent) => /^orders\/[^/]*$/.test(topic)
const paid = ({ type }: LoggedEvent) => type.startsWith('paid.')

const PLANS: Plan[] = [
  { query: 'topic=**', matches: all },
  { query: 'since=earliest', matches: all },
  { query: 'since=earliest&envelope=1', matches: all, drops: 97 },
  { query: 'since=earliest', matches: all, pauses: [0, TOTAL] },
  { query: 'topic=**', matches: all, pauses: [TOTAL * 0.1, TOTAL] },
  { query: 'envelope=1', matches: all, pauses: [TOTAL * 0.2, TOTAL * 0.7] },
  { query: 'topic=orders/*', matches: ordersOf },
  { query: 'topic=orders/*&since=earliest', matches: ordersOf, joins: TOTAL * 0.3 },
  { query: 'topic=orders/*', matches: ordersOf, drops: 31 },
  { query: 'topic=orders/**&envelope=1', matches: under('orders/'), drops: 13 },
  { query: 'topic=orders/**', matches: under('orders/'), joins: TOTAL * 0.2, leaves: TOTAL * 0.6 },
  { query: 'topic=orders/1', matches: inTopics('orders/1') },
  { query: 'topic=orders/1&since=earliest', matches: inTopics('orders/1'), drops: 7 },
  { query: 'topic=log&topic=stock/a&since=earliest', matches: inTopics('log', 'stock/a'), joins: TOTAL * 0.5 },
  { query: 'topic=log&topic=*/a', matches: inTopics('log', 'stock/a'), drops: 41 },
  { query: 'topic=stock/*&topic=stock/b', matches: under('stock/'), pauses: [TOTAL * 0.1, TOTAL * 0.9] },
  { query: 'type=paid.*', matches: paid, drops: 17 },
  { query: 'type=paid.*&since=earliest&envelope=1', matches: paid, joins: TOTAL * 0.4 },
  {
    query: 'topic=stock/b&type=paid&heartbeat=event',
    matches: (event) => event.topic === 'stock/b' && event.type === 'paid',
  },
  { query: 'topic=bulk&topic=log&since=earliest', matches: inTopics('bulk', 'log'), pauses: [0, TOTAL * 0.5] },
]

test.each([
  ['30m', 'streams that last'],
  ['1s', 'streams that the hub ends every second'],
])(
  `${PLANS.length} readers of ${PUBLISHERS} publishers get the log in its order, or are told where a hole is: max_age %s, %s`,
  async (maxAge) => {
    const server = await Executable.serve({
      MCP_SSE_STREAM_MAX_AGE: maxAge,
      MCP_SSE_STREAM_RETRY: '100ms',
      MCP_SSE_STREAM_MAX_QUEUE: '64KiB',
      MCP_SSE_STREAM_HEARTBEAT: '1s',
      MCP_SSE_RETENTION_MAX_EVENTS: String(RETAINED),
    })
    const log: LoggedEvent[] = []
    const readers: PlannedReader[] = []
    try {
      for (let batch = 0; batch < BULK.events / BULK.batch; batch++) {
        await publish(
          server,
          log,
          Array.from({ length: BULK.batch }, (_, n) => bulkEvent(batch * BULK.batch + n)),
        )
      }
      const published = () => log.length - BULK.events
      for (const plan of PLANS) readers.push(new PlannedReader(server.url, plan, published))
      await until('the first readers', () => readers.every((reader) => reader.open || reader.plan.joins))
      await Promise.all(Array.from({ length: PUBLISHERS }, (_, number) => publishAll(server, log, number)))
      expect(published()).toBe(TOTAL)
      for (const topic of TOPICS)
        await publish(
          server,
          log,
          TYPES.map((type) => ({ topic, type, data: 'the last' })),
        )
      log.sort((a, b) => offsetOf(a.cursor) - offsetOf(b.cursor))
      // Offsets rise by one: what publishers were told is the whole log.
      expect(log.map(({ cursor }) => offsetOf(cursor))).toEqual(log.map((_, index) => index + 1))
      for (const reader of readers) {
        const end = offsetOf(log.findLast(reader.plan.matches)!.cursor)
        await until(`${reader.plan.query} to reach ${end}; it is at ${reader.place}`, () => reader.arrived(end), 40_000)
      }
      await Promise.all(readers.map((reader) => reader.stop()))
      const sequences = readers.map((reader) => reader.sequence(log))
      const gaps = sequences.flatMap((sequence) => sequence.gaps)
      const slow = sequences.filter((_, index) => PLANS[index]!.pauses)
      console.log(
        `order: ${log.length} events, ${sequences.reduce((sum, { events }) => sum + events, 0)} delivered to ${readers.length} ` +
          `readers over ${readers.reduce((sum, { connections }) => sum + connections, 0)} connections, ${gaps.length} gaps`,
      )
      expect(gaps.every(({ reason }) => reason === 'expired')).toBe(true)
      // Retention did overtake readers, also one in the middle of its replay: else nothing was tried here.
      expect(slow.flatMap((sequence) => sequence.gaps).some(({ missing }) => missing > 0)).toBe(true)
      for (const [index, { events, gaps }] of sequences.entries()) {
        expect(events).toBeGreaterThan(0)
        // A reader of everything is told of a gap only where events are gone.
        if (PLANS[index]!.matches === all) expect(gaps.every(({ missing }) => missing > 0)).toBe(true)
      }
    } finally {
      await Promise.all(readers.map((reader) => reader.stop()))
      await server.remove()
    }
  },
)

/** A reader with its habits, and every block it got. */
class PlannedReader {
  readonly plan: Plan
  open = false
  readonly #blocks: Block[] = []
  readonly #published: () => number
  readonly #url: string
  #reader: ResumingReader | undefined
  readonly #habits: ReturnType<typeof setInterval>
  #gone = false

  constructor(url: string, plan: Plan, published: () => number) {
    this.plan = plan
    this.#url = `${url}/events?${plan.query}`
    this.#published = published
    this.#habits = setInterval(() => this.#live(), 5)
    this.#live()
  }

  get place(): number {
    return offsetOf(this.#reader?.lastEventId || '.0')
  }

  get connections(): number {
    return this.#reader?.connections ?? 0
  }

  /** At the end of the log, or gone for good. @throws when it ended by itself */
  arrived(end: number): boolean {
    if (this.#reader?.failure) throw this.#reader.failure
    return this.#gone || this.place >= end
  }

  /** @throws when what it got is not the log */
  sequence(log: readonly LoggedEvent[]): Sequence {
    const { query, matches } = this.plan
    const sequence = new Sequence({ log, matches, envelope: query.includes('envelope=1') })
    try {
      for (const block of this.#blocks) sequence.see(block)
    } catch (error) {
      throw new Error(`The reader of ${query}`, { cause: error })
    }
    return sequence
  }

  async stop(): Promise<void> {
    clearInterval(this.#habits)
    await this.#reader?.stop()
  }

  #live(): void {
    const { joins = 0, leaves = Number.POSITIVE_INFINITY, pauses } = this.plan
    const published = this.#published()
    if (published >= joins && !this.#reader) {
      this.#reader = new ResumingReader({ url: this.#url, onBlock: (block) => this.#keep(block) })
    }
    if (published >= leaves && !this.#gone) {
      this.#gone = true
      void this.#reader?.stop()
    }
    if (!pauses || !this.open) return
    if (published >= pauses[0] && published < pauses[1]) this.#reader?.pause()
    else this.#reader?.resume()
  }

  #keep(block: Block): void {
    this.#blocks.push(block)
    if (!this.open) {
      this.open = true
      this.#live()
    }
    if (this.plan.drops && this.#blocks.length % this.plan.drops === 0) this.#reader?.drop()
  }
}

interface NewEvent {
  topic: string
  type: string
  data: unknown
}

function bulkEvent(number: number): NewEvent {
  return { topic: 'bulk', type: 'message', data: { number, text: 'b'.repeat(BULK.bytes) } }
}

async function publishAll(server: Executable, log: LoggedEvent[], publisher: number): Promise<void> {
  for (let request = 0; request < REQUESTS; request++) {
    const events = Array.from({ length: request % 4 === 3 ? BATCH : 1 }, (_, index): NewEvent => {
      const turn = publisher * 7 + request + index
      const text = `${publisher}.${request}.${index}\n${'x'.repeat((turn * 37) % 2_000)}`
      return { topic: TOPICS[turn % TOPICS.length]!, type: TYPES[turn % TYPES.length]!, data: text }
    })
    await publish(server, log, events)
  }
}

/** An array of one is a single event here: both forms are asked for. */
async function publish(server: Executable, log: LoggedEvent[], events: NewEvent[]): Promise<void> {
  const answer = await fetch(`${server.url}/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(events.length === 1 ? events[0] : events),
  })
  if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`)
  const receipt = (await answer.json()) as { cursor: string; events?: { cursor: string }[] }
  const cursors = receipt.events ?? [receipt]
  for (const [index, event] of events.entries()) log.push({ ...event, cursor: cursors[index]!.cursor })
}
