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
}

/** From when on the answer to a call is a stream that one may come back to, and a bit. */
const STREAMS_AFTER_MS = 1500
/** Clients that come back for an answer have done so by then. */
const GIVEN_UP_AFTER_MS = 2000
const DEADLINE_MS = 15_000

const KINDS = MCP_KINDS.filter(({ brief }) => !brief)

describe.each(['SIGTERM', 'SIGKILL'] as const)('after %s and a restart', (signal) => {
  let server: Executable
  const held = new Map<KnownMcpKind, Held>()
  let givenUp: Promise<void>

  beforeAll(async () => {
    await Promise.all(Object.values(PYTHON_CLIENTS).map(pythonWithMcp))
    server = await Executable.serve({ MCP_SSE_STREAM_RETRY: '100ms' })
    await Promise.all(KINDS.map(async (kind, index) => held.set(kind, await hold(kind, `restart/${index}`))))
    await Bun.sleep(STREAMS_AFTER_MS)
    await server.kill(signal)
    await server.start()
    givenUp = Bun.sleep(GIVEN_UP_AFTER_MS)
    for (const each of held.values()) each.missed = await post(each.topic, 'while it was away')
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
    const client = await connect(kind, server)
    const call = client
      .call('wait_for_event', { topics: [topic], since: mine.cursor, timeout_seconds: 50 })
      .catch((error: Error) => error)
    // What is asked later is answered after what was asked before has come.
    await client.call('hub_status', {})
    mine.waiting = { client, call }
    return mine
  }

  function old(kind: KnownMcpKind, { waiting, call, subscription }: AfterRestart): void {
    test(`a call that was waiting: ${waiting[signal]}`, async () => {
      const waiter = held.get(kind)!.waiting!
      if (waiting[signal] === WAITS_ON) {
        await givenUp
        expect(await Promise.race([waiter.call, undefined])).toBeUndefined()
      } else {
        expect(message(await within(waiter.call))).toMatch(waiting[signal])
      }
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
