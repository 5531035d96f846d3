import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { bearer } from '../support/access.ts'
import { configuredKey, keysVariable } from '../support/configured-key.ts'
import { Executable } from '../support/executable.ts'
import { Followers } from '../support/followers.ts'
import { expectProblem } from '../support/problem.ts'
import { expectSecret, registerSecret, secret } from '../support/secrets.ts'
import { signedToken } from '../support/signed-token.ts'
import { until } from '../support/until.ts'

const followers = new Followers()
afterEach(() => followers.stop())

describe('readers of one log with different grants', () => {
  interface Reader {
    name: string
    headers: Record<string, string>
    query: string
    sees: (topic: string) => boolean
  }
  const TOPICS = ['a/1', 'b/1', 'shared/x', 'c/1', 'a/2', 'b/2', 'c/2', 'shared/y', 'd', 'e']
  const zoneOf = (topic: string) => topic.replace(/\/.*/, '')
  const log: { cursor: string; topic: string; data: string }[] = []
  let hub: Executable
  let readers: Reader[] = []
  const writer = configuredKey('writer', { publish: ['**'] })

  beforeAll(async () => {
    const [alice, bob, carol] = [
      configuredKey('alice', { subscribe: ['a/**', 'shared/**'] }),
      configuredKey('bob', { subscribe: ['b/**', 'shared/*'] }),
      configuredKey('carol', { subscribe: ['c/*'] }),
    ]
    const signing = secret('the secret of tokens')
    const token = await signedToken(signing, { sub: 'dave', grants: { subscribe: ['*/1', 'd'] } })
    hub = await Executable.serve({
      MCP_SSE_AUTH_KEYS: keysVariable(writer, alice!, bob!, carol!),
      MCP_SSE_AUTH_JWT_SECRET: signing,
    })
    const request = { method: 'POST', headers: bearer(alice!.text), body: '{"topics":["shared/y", "a/1"]}' }
    const answer = expectSecret(await fetch(`${hub.url}/tickets`, request))
    const ticket = registerSecret(((await answer.json()) as { ticket: string }).ticket, 'the ticket of alice')
    readers = [
      { name: 'alice', headers: bearer(alice!.text), query: '', sees: (topic) => /^(a|shared)\//.test(topic) },
      { name: 'bob', headers: bearer(bob!.text), query: '', sees: (topic) => /^(b|shared)\//.test(topic) },
      { name: 'carol', headers: bearer(carol!.text), query: '', sees: (topic) => /^c\//.test(topic) },
      { name: 'a token', headers: bearer(token), query: '', sees: (topic) => /^(\w\/1|d)$/.test(topic) },
      { name: 'a ticket', headers: {}, query: `&ticket=${ticket}`, sees: (topic) => /^(a\/1|shared\/y)$/.test(topic) },
    ]
    for (let round = 0; round < 4; round++) for (const topic of TOPICS) await publish(topic, round)
  })
  afterAll(() => hub?.remove())

  async function publish(topic: string, round: number): Promise<void> {
    const data = `zone-${zoneOf(topic)} round ${round} of ${topic}`
    const request = { method: 'POST', headers: bearer(writer.text), body: data }
    const answer = await fetch(`${hub.url}/events/${topic}`, request)
    if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`)
    log.push({ cursor: ((await answer.json()) as { cursor: string }).cursor, topic, data })
  }

  const seenBy = (reader: Reader, after: number) => log.slice(after + 1).filter(({ topic }) => reader.sees(topic))

  /** No payload, topic name or part of one that is not this reader's, in whatever it was sent. */
  function expectNothingElse(reader: Reader, text: string): void {
    for (const topic of TOPICS) {
      if (reader.sees(topic)) continue
      expect(text).not.toContain(`"${topic}"`)
      if (!TOPICS.some((other) => reader.sees(other) && zoneOf(other) === zoneOf(topic))) {
        expect(text).not.toContain(`zone-${zoneOf(topic)}`)
      }
    }
  }

  test('each other’s cursors are places in the log and nothing more: a replay from any of them gives one’s own events', async () => {
    for (const reader of readers) {
      for (const [index, { cursor }] of log.entries()) {
        const expected = seenBy(reader, index)
        const answer = await fetch(`${hub.url}/events?format=json&limit=1000&since=${cursor}${reader.query}`, {
          headers: reader.headers,
        })
        const text = await answer.text()
        expectNothingElse(reader, text)
        const { events, truncated } = JSON.parse(text) as { events: typeof log; truncated: boolean }
        expect(events.map((event) => event.data)).toEqual(expected.map((event) => event.data))
        expect(truncated).toBe(false)
        if (index % 5 !== 0 || expected.length === 0) continue
        for (const form of ['', '&envelope=1']) {
          const replay = await followers.open(`${hub.url}/events?heartbeat=event${form}${reader.query}`, {
            ...reader.headers,
            'last-event-id': cursor,
          })
          await until('the replay', () => replay.events.length >= expected.length)
          expect(replay.events.map(({ id }) => id)).toEqual(expected.map((event) => event.cursor))
          expectNothingElse(reader, JSON.stringify(replay.messages))
          replay.stop()
        }
      }
    }
  })

  test('live, side by side, each gets its own and nothing of the others', async () => {
    const streams = await Promise.all(
      readers.map(async (reader) => ({
        reader,
        stream: await followers.open(`${hub.url}/events?envelope=1${reader.query}`, reader.headers),
      })),
    )
    const before = log.length - 1
    for (let round = 4; round < 12; round++) for (const topic of TOPICS) await publish(topic, round)
    for (const { reader, stream } of streams) {
      const expected = seenBy(reader, before)
      await until('the live events', () => stream.events.length >= expected.length)
      expect(stream.events.map(({ data }) => JSON.parse(data).data)).toEqual(expected.map((event) => event.data))
      expectNothingElse(reader, JSON.stringify(stream.messages))
    }
  })

  test('what one may not read is refused in the same words whether it is there or not, and is in no list', async () => {
    for (const reader of readers) {
      const ask = (path: string) =>
        fetch(`${hub.url}${path}${path.includes('?') ? '' : '?'}${reader.query}`, { headers: reader.headers })
      const [there, notThere] = [await ask('/events/e'), await ask('/events/nowhere')]
      const words = async (answer: Response) => ({ ...((await answer.json()) as object), request: undefined })
      expect(await words(there.clone())).toEqual(await words(notThere))
      await expectProblem(there, 403, 'forbidden', '/topic')
      if (reader.name === 'a ticket') continue
      const { topics } = (await (await ask('/topics')).json()) as { topics: { topic: string; events: number }[] }
      const own = TOPICS.filter(reader.sees).sort()
      expect(topics.map(({ topic }) => topic).sort()).toEqual(own)
      for (const { topic, events } of topics) expect(events).toBe(log.filter((event) => event.topic === topic).length)
    }
  })
})
