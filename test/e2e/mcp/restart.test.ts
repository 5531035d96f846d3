import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { Executable } from '../../support/executable.ts'
import type { McpClient, McpSubscription } from '../../support/mcp-client.ts'
import { type AfterRestart, connect, type KnownMcpKind, MCP_KINDS, WAITS_ON } from '../../support/mcp-kinds.ts'
import { PYTHON_CLIENTS, pythonWithMcp } from '../../support/mcp-python.ts'
import { until } from '../../support/until.ts'

/** What a client held when the server went away. */
interface Held {
  topic: string
  /** Where it had read to. */
  cursor: string
  /** Of the event that was published while nobody was there. */
  missed: string
  client?: McpClient
  subscription?: McpSubscription
  /** A call that was waiting, over a connection of its own: some clients lose all that goes over the same. */
  waiting?: { client: McpClient; call: Promise<unknown> }
  /** Its call went on waiting after the restart. */
  waitsOn?: boolean
}

/** From when on the answer to a call is a stream that one may come back to, and a bit. */
const STREAMS_AFTER_MS = 1500
/** Clients that come back for an answer have done so by then. */
const GIVEN_UP_AFTER_MS = 2000
const DEADLINE_MS = 60_000

const KINDS = MCP_KINDS.filter(({ brief }) => !brief)

describe.each(['SIGTERM', 'SIGKILL'] as const)('after %s and a restart', (signal) => {
  let server: Executable
  const held = new Map<KnownMcpKind, Held>()

  beforeAll(async () => {
    await Promise.all(Object.values(PYTHON_CLIENTS).map(pythonWithMcp))
    server = await Executable.serve({ MCP_SSE_STREAM_RETRY: '100ms' })
    await Promise.all(KINDS.map(async (kind, index) => held.set(kind, await hold(kind, `restart/${index}`))))
    // Once all have connected, which takes long where many programs start at once: a wait has its own end.
    await Promise.all([...held.values()].map(wait))
    await Bun.sleep(STREAMS_AFTER_MS)
    // A server that stood still in that time has done by the second answer what it was to do.
    for (let round = 0; round < 2; round++) await (await fetch(`${server.url}/livez`)).text()
    await server.kill(signal)
    await server.start()
    const givenUp = Bun.sleep(GIVEN_UP_AFTER_MS)
    for (const each of held.values()) each.missed = await post(each.topic, 'while it was away')
    await givenUp
    // Looked at now: by the time of its test it may have come to its own end.
    for (const each of held.values()) {
      each.waitsOn =
        (await Promise.race([each.waiting?.call.then(() => false), Bun.sleep(0).then(() => true)])) === true
    }
  }, 300_000)
  afterAll(async () => {
    const clients = [...held.values()].flatMap(({ client, waiting }) => [client, waiting?.client])
    // Some say good-bye to the session that is gone, and mind.
    await Promise.all(clients.map((client) => client?.close().catch(() => {})))
    await server?.remove()
  }, 60_000)

  async function post(topic: string, data: string): Promise<string> {
    const answer = await fetch(`${server.url}/events/${topic}`, { method: 'POST', body: data })
    expect(answer.status).toBe(201)
    return ((await answer.json()) as { cursor: string }).cursor
  }

  async function hold(kind: KnownMcpKind, topic: string): Promise<Held> {
    const mine: Held = { topic, cursor: await post(topic, 'before'), missed: '' }
    if (!kind.afterRestart) return mine
    mine.client = await connect(kind, server)
    if (!kind.cannot?.subscribe) mine.subscription = await mine.client.subscribe(`events://topics/${topic}`)
    mine.waiting = { client: await connect(kind, server), call: Promise.resolve() }
    return mine
  }

  async function wait({ topic, cursor, waiting }: Held): Promise<void> {
    if (!waiting) return
    const { client } = waiting
    waiting.call = client
      .call('wait_for_event', { topics: [topic], since: cursor, timeout_seconds: 50 })
      .catch((error: Error) => error)
    // What is asked later is answered after what was asked before has come.
    await client.call('hub_status', {})
  }

  function old(kind: KnownMcpKind, { waiting, call, subscription }: AfterRestart): void {
    test(`a call that was waiting: ${waiting[signal]}`, async () => {
      const { waiting: waiter, waitsOn } = held.get(kind)!
      if (waiting[signal] === WAITS_ON) expect(waitsOn).toBe(true)
      else expect(message(await within(waiter!.call))).toMatch(waiting[signal])
    })

    test(`the next call of the same client: ${call}`, async () => {
      const { client, topic, cursor, missed } = held.get(kind)!
      const next = () => client!.call('read_events', { topics: [topic], since: cursor })
      if (call instanceof RegExp) {
        expect(message(await within(next().catch((error: Error) => error)))).toMatch(call)
      } else {
        const { structured } = call === 'goes on' ? await within(next()) : await until('the call to go on', next)
        expect(structured).toMatchObject({ events: [{ cursor: missed }] })
      }
    })

    if (kind.cannot?.subscribe) return
    test(`a subscription: ${subscription?.[signal] ?? 'its client does not say that it is gone'}`, async () => {
      const { subscription: lost, topic } = held.get(kind)!
      if (subscription) {
        await until('the end', () => lost!.ended)
        expect(lost!.ended).toMatch(subscription[signal])
      }
      await post(topic, 'is told to nobody')
      expect(lost!.told).toEqual([])
    })
  }

  for (const kind of KINDS) {
    describe(kind.name, () => {
      if (kind.afterRestart) old(kind, kind.afterRestart)

      test('a new connection that has the old cursor misses nothing of what was published in between', async () => {
        const { topic, cursor, missed } = held.get(kind)!
        const client = await connect(kind, server)
        try {
          const { structured } = await client.call('read_events', { topics: [topic], since: cursor, limit: 1 })
          expect(structured).toMatchObject({
            events: [{ cursor: missed, data: 'while it was away' }],
            truncated: false,
          })
          const waited = await client.call('wait_for_event', { topics: [topic], since: cursor })
          expect((waited.structured.events as unknown[])[0]).toMatchObject({ cursor: missed })
          if (kind.cannot?.subscribe) return
          const again = await client.subscribe(`events://topics/${topic}`)
          await post(topic, 'after')
          await until('a notification', () => again.told.length > 0)
        } finally {
          await client.close()
        }
        expect(held.get(kind)!.subscription?.told ?? []).toEqual([])
      })
    })
  }
})

/** Fails the test itself: when a test runs out of its time, the runner kills every process it started, the server too. */
async function within<T>(promise: Promise<T>): Promise<T> {
  const late = Bun.sleep(DEADLINE_MS).then(() => {
    throw new Error(`Waited ${DEADLINE_MS} ms for an answer.`)
  })
  return Promise.race([promise, late])
}

function message(outcome: unknown): string {
  return outcome instanceof Error ? outcome.message : `no error: ${JSON.stringify(outcome)}`
}
