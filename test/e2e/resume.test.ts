import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { Executable } from '../support/executable.ts'
import { RawStream } from '../support/raw-stream.ts'
import { type LoggedEvent, offsetOf, Sequence } from '../support/sequence.ts'
import { until } from '../support/until.ts'

/** Text that looks like the frames it travels in, in every newline, and JSON that keeps its own line breaks. */
const BODIES = [
  'plain',
  'one\ntwo\r\nthree\rfour',
  'id: forged.1\n\nevent: $gap\ndata: {"reason":"unknown"}\n\n',
  ': a comment\nretry: 1\n',
  ' leading space, é and 🎈\n\n\nthree empty lines',
  '{"total": 99,\n  "lines": ["a\\nb"]\n}',
  '[]',
  '"a JSON string"',
]
const RETAINED = 30

/** A hub, and everything that was published to it. */
interface Published {
  server: Executable
  log: LoggedEvent[]
}

async function publish({ server, log }: Published, topic: string, body: string, type = 'message'): Promise<void> {
  const answer = await fetch(`${server.url}/events/${topic}?type=${type}`, { method: 'POST', body })
  if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`)
  const { cursor } = (await answer.json()) as { cursor: string }
  let data: unknown = body
  try {
    data = JSON.parse(body)
  } catch {
    // Then it is text.
  }
  log.push({ cursor, topic, type, data })
}

async function fill(hub: Published, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (const [index, body] of BODIES.entries()) {
      await publish(hub, `orders/${index % 3}`, body, index % 2 === 0 ? 'message' : 'order.paid')
    }
  }
}

interface Reader {
  sequence: Sequence
  lastEventId: string
}

function reader({ log }: Published, path: string, matches: (event: LoggedEvent) => boolean, lastEventId = ''): Reader {
  return { sequence: new Sequence({ log, matches, envelope: path.includes('envelope=1') }), lastEventId }
}

/** One connection, cut after `blocks` of them. @returns whether the newest event there is was reached */
async function connection({ server }: Published, path: string, who: Reader, blocks: number): Promise<boolean> {
  const stream = await RawStream.open(server.url + path, { lastEventId: who.lastEventId })
  let done = false
  for (let taken = 0; taken < blocks && !done; taken++) {
    const block = await stream.next()
    if (!block) break
    who.sequence.see(block)
    done = who.sequence.position! >= offsetOf(who.sequence.last!.cursor)
  }
  who.lastEventId = stream.lastEventId
  stream.drop()
  return done
}

const everything = () => true
const CASES: [name: string, path: string, matches: (event: LoggedEvent) => boolean][] = [
  ['everything', '/events?since=earliest', everything],
  ['everything, whole events', '/events?since=earliest&envelope=1', everything],
  ['everything, without control events', '/events?since=earliest&control=0', everything],
  ['one type', '/events?since=earliest&type=order.paid', ({ type }) => type === 'order.paid'],
  ['one topic', '/events/orders/1?since=earliest', ({ topic }) => topic === 'orders/1'],
  [
    'a pattern and a prefix, whole events',
    '/events/orders/*?since=earliest&envelope=1&type=order.*',
    ({ type }) => type === 'order.paid',
  ],
]

describe('a stream that is cut off and resumed with the last id it said', () => {
  let kept: Published
  let trimmed: Published

  beforeAll(async () => {
    // No heartbeat comes in between, however slowly it is read: frames are counted.
    kept = { server: await Executable.serve({ MCP_SSE_STREAM_HEARTBEAT: '3m' }), log: [] }
    trimmed = {
      server: await Executable.serve({
        MCP_SSE_STREAM_HEARTBEAT: '1s',
        MCP_SSE_RETENTION_MAX_EVENTS: String(RETAINED),
      }),
      log: [],
    }
    await fill(kept, 2)
  })
  afterAll(async () => {
    await kept?.server.remove()
    await trimmed?.server.remove()
  })

  test.each(CASES)(
    'after any one of its frames, then read to the end, misses and repeats nothing: %s',
    async (_, path, matches) => {
      const wanted = kept.log.filter(matches).length
      let cuts = 0
      for (let whole = false; !whole; cuts++) {
        const who = reader(kept, path, matches)
        whole = await connection(kept, path, who, cuts)
        if (!whole) expect(await connection(kept, path, who, Number.POSITIVE_INFINITY)).toBe(true)
        expect(who.sequence.events).toBe(wanted)
        expect(who.sequence.gaps).toEqual([])
      }
      // The greeting and $open come before the events: there was a cut after each of them and after every event but the last.
      expect(cuts).toBe(wanted + 3)
    },
  )

  test.each(CASES)('after every single frame in turn misses and repeats nothing: %s', async (_, path, matches) => {
    const wanted = kept.log.filter(matches).length
    const who = reader(kept, path, matches)
    let connections = 1
    while (!(await connection(kept, path, who, 3))) connections++
    expect(who.sequence.events).toBe(wanted)
    expect(connections).toBe(wanted)
  })

  test('after any byte, also inside a frame or a character, misses and repeats nothing', async () => {
    const path = `/events?since=${kept.log.at(-5)!.cursor}`
    const matches = ({ cursor }: LoggedEvent) => offsetOf(cursor) > offsetOf(kept.log.at(-5)!.cursor)
    let bytes = 0
    for (let whole = false; !whole; bytes++) {
      const who = reader(kept, path, matches)
      const stream = await RawStream.open(kept.server.url + path, { cutAfterBytes: bytes })
      // Nothing comes after the last: what a stream says of itself (its id, its `retry`) is not as long each time.
      while (!whole) {
        const block = await stream.next()
        if (!block) break
        who.sequence.see(block)
        whole = who.sequence.events === 4
      }
      stream.drop()
      who.lastEventId = stream.lastEventId
      if (!whole) expect(await connection(kept, path, who, Number.POSITIVE_INFINITY)).toBe(true)
      expect(who.sequence.events).toBe(4)
      expect(who.sequence.gaps).toEqual([])
    }
    expect(bytes).toBeGreaterThan(400)
  })

  test('from a place that retention has passed is told so before any later event, wherever it is cut', async () => {
    await fill(trimmed, 6)
    const [first] = trimmed.log
    await untilGone(trimmed.log.at(-RETAINED - 1)!.cursor)
    for (const path of ['/events', '/events?envelope=1', '/events/orders/1']) {
      const matches = ({ topic }: LoggedEvent) => path !== '/events/orders/1' || topic === 'orders/1'
      const wanted = trimmed.log.slice(1).filter(matches).length
      for (let cut = 0, whole = false; !whole; cut++) {
        const who = reader(trimmed, path, matches, first!.cursor)
        whole = await connection(trimmed, path, who, cut)
        if (!whole) expect(await connection(trimmed, path, who, Number.POSITIVE_INFINITY)).toBe(true)
        expectOneStretchLost(who.sequence, wanted)
      }
      const who = reader(trimmed, path, matches, first!.cursor)
      while (!(await connection(trimmed, path, who, 3))) {}
      expectOneStretchLost(who.sequence, wanted)
    }
  })

  test.each(['foreign0.7', 'not a cursor', '99999999999999999999'])(
    'from an unknown place, %s, is told so until the reader has taken the place it goes on from',
    async (asked) => {
      for (let cut = 0; cut <= 4; cut++) {
        const who = reader(kept, '/events', everything, asked)
        const first = await RawStream.open(`${kept.server.url}/events`, { lastEventId: asked })
        const types: string[] = []
        for (let taken = 0; taken < Math.min(cut, 3); taken++) types.push((await first.next())!.type)
        first.drop()
        expect(types).toEqual(['message', '$open', '$gap'].slice(0, cut))
        const told = types.includes('$gap')
        const head = kept.log.at(-1)!.cursor
        expect(first.lastEventId).toBe(told ? head : asked)
        if (told) who.sequence.position = offsetOf(head)
        who.lastEventId = first.lastEventId
        await publish(kept, 'orders/0', `meanwhile ${cut}`)
        const second = await RawStream.open(`${kept.server.url}/events`, { lastEventId: who.lastEventId })
        await second.next()
        const answer = [await second.next(), await second.next()]
        second.drop()
        if (told) expect(answer.map((block) => block!.data).at(1)).toBe(`meanwhile ${cut}`)
        else {
          const { requested, resumedFrom, reason } = JSON.parse(answer[1]!.data!)
          expect({ requested, resumedFrom, reason }).toEqual({
            requested: asked,
            resumedFrom: kept.log.at(-1)!.cursor,
            reason: 'unknown',
          })
        }
      }
    },
  )

  test('a reader of a quiet topic keeps up with retention by its heartbeats, and is told of the gap without them', async () => {
    await publish(trimmed, 'quiet', 'first')
    const [before, first] = trimmed.log.slice(-2).map(({ cursor }) => cursor)
    await noise(RETAINED * 2)
    await untilGone(first!)
    const quiet = ({ topic }: LoggedEvent) => topic === 'quiet'
    const head = offsetOf(trimmed.log.at(-1)!.cursor)
    // The greeting, $open, $gap for the event that is gone already, and then a heartbeat a second.
    const cuts = [0, 1, 2, 3, 4, 5].flatMap((blocks) =>
      ['/events/quiet', '/events/quiet?envelope=1&heartbeat=event', '/events?topic=quiet&topic=*/none/**'].map(
        (path) => ({ path, blocks, who: reader(trimmed, path, quiet, before) }),
      ),
    )
    await Promise.all(
      cuts.map(async ({ path, blocks, who }) => {
        const stream = await RawStream.open(trimmed.server.url + path, { lastEventId: who.lastEventId })
        const next = async () => who.sequence.see((await stream.next())!)
        for (let taken = 0; taken < blocks; taken++) await next()
        // One that came before the hub had looked through the log says a place before its end.
        while (blocks >= 4 && offsetOf(stream.lastEventId) < head) await next()
        stream.drop()
        who.lastEventId = stream.lastEventId
      }),
    )
    await noise(RETAINED - 5)
    await publish(trimmed, 'quiet', 'second')
    await untilGone(`any.${head - RETAINED + 1}`)
    for (const { path, blocks, who } of cuts) {
      expect(offsetOf(who.lastEventId) === head).toBe(blocks >= 4)
      const again = reader(trimmed, path, quiet, who.lastEventId)
      again.sequence.position = who.sequence.position
      expect(await connection(trimmed, path, again, Number.POSITIVE_INFINITY)).toBe(true)
      expect(again.sequence.events).toBe(1)
      expect(again.sequence.gaps.map(({ reason }) => reason)).toEqual(blocks >= 4 ? [] : ['expired'])
    }
  })

  async function noise(events: number): Promise<void> {
    for (let number = 0; number < events; number++) await publish(trimmed, 'noise', String(number))
  }

  /** Retention works in small steps beside the publishing. */
  async function untilGone(cursor: string): Promise<void> {
    await until(`retention to pass ${cursor}`, async () => {
      const answer = await fetch(`${trimmed.server.url}/events?format=json&since=earliest&limit=1`)
      const { events } = (await answer.json()) as { events: { cursor: string }[] }
      return offsetOf(events[0]!.cursor) > offsetOf(cursor)
    })
  }
})

/** Told exactly once what is gone, and then given everything that is not. */
function expectOneStretchLost({ gaps, events }: Sequence, after: number): void {
  expect(gaps.map(({ reason }) => reason)).toEqual(['expired'])
  expect(gaps[0]!.missing).toBeGreaterThan(0)
  expect(events + gaps[0]!.missing).toBe(after)
}
