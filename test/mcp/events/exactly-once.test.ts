import { expect, test } from 'bun:test'
import { draftOf } from '../../support/draft.ts'
import { type StatelessHub, statelessHub } from '../../support/stateless-hub.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { until } from '../../support/until.ts'
import { dataOf, EVERY_WAY, type EventsClient, kindOf, topicEvents } from './events-client.ts'

const EVENTS = 1500
const RESTARTS = 3
const PUBLISHERS = 3
/** Every commit is on the disk, which others use too. */
const PATIENCE_MS = 100_000

/** A hub on disk that is stopped and started again while clients go on. */
class RestartingHub {
  readonly #directory: string
  #served: StatelessHub | undefined
  generation = 0
  stopped = false

  constructor(directory: string) {
    this.#directory = directory
  }

  async start(): Promise<void> {
    const limits = { tailBytes: 8 * 1024, maxQueueBytes: 16 * 1024 }
    this.#served = await statelessHub({ directory: this.#directory, limits, mcpLimits: { maxQueueBytes: 32 * 1024 } })
    this.generation++
  }

  async stop(): Promise<void> {
    const served = this.#served!
    this.#served = undefined
    await served.close()
    expect(served.reports).toEqual([])
  }

  get served(): StatelessHub {
    if (!this.#served) throw new Error('the hub is away')
    return this.#served
  }

  readonly fetch = (path: string, init?: RequestInit): Promise<Response> => this.served.fetch(path, init)
}

/** Does `step` until it succeeds, whatever the hub does meanwhile. */
async function persistently<T>(step: () => Promise<T>): Promise<T> {
  return (await until('the hub to be back', async () => ({ value: await step() }), PATIENCE_MS)).value
}

/** Each publisher's own numbers, one after another; an id makes sure that what is sent again is stored once. */
async function publishAll(hub: RestartingHub, publisher: number): Promise<void> {
  for (let number = publisher; number < EVENTS; number += PUBLISHERS) {
    const one = draftOf(`orders/${number % 5}`, JSON.stringify({ number, filler: 'x'.repeat(number % 300) }), {
      id: `n${number}`,
    })
    await persistently(() => hub.served.hub.publish([one]))
  }
}

type Follow = (hub: RestartingHub, connect: (typeof EVERY_WAY)[number]['connect'], from: string) => Promise<number[]>

const numberOf = (data: unknown): number => (data as { number: number }).number

const byPolling: Follow = async (hub, connect, from) => {
  const got: number[] = []
  let cursor = from
  let client: { of: number; client: EventsClient } | undefined
  while (got.length < EVENTS) {
    const page = await persistently(async () => {
      if (client?.of !== hub.generation) client = { of: hub.generation, client: await connect(hub.fetch) }
      const params = topicEvents('orders/**', { cursor, maxEvents: 37, timeoutMs: 500 })
      const { result } = await client.client.ask('events/poll', params)
      if (!result) throw new Error('refused')
      return result
    })
    expect(page.truncated).toBe(false)
    got.push(...page.events.map(({ data }: { data: { data: unknown } }) => numberOf(data.data)))
    cursor = page.cursor
  }
  return got
}

const byPush: Follow = async (hub, connect, from) => {
  const got: number[] = []
  let cursor = from
  while (got.length < EVENTS) {
    const stream = await persistently(async () =>
      (await connect(hub.fetch)).stream(topicEvents('orders/**', { cursor }), 1),
    )
    let taken = 0
    const toEndOrAll = () => {
      const messages = stream.messages().slice(taken)
      taken += messages.length
      for (const message of messages) {
        if (kindOf(message) === 'active') expect(message.params.truncated).toBe(false)
        got.push(...dataOf([message]).map(numberOf))
        cursor = message.params?.cursor ?? cursor
      }
      return got.length >= EVENTS || (stream.ended() && stream.messages().length === taken)
    }
    await until('the stream to end, or all', toEndOrAll, PATIENCE_MS)
    // The hub may be away.
    await stream.cancel().catch(() => {})
  }
  return got
}

test('15, 32: polled and pushed under concurrent publishing and restarts, every event comes once and in order', async () => {
  using dir = tempDir()
  const hub = new RestartingHub(dir.path)
  await hub.start()
  const from = hub.served.hub.cursor(hub.served.log.head)
  const publishing = Promise.all(Array.from({ length: PUBLISHERS }, (_, index) => publishAll(hub, index)))
  const ways = EVERY_WAY.filter(({ name }) => name !== '2025-03-26')
  const following = Promise.all(
    ways.flatMap(({ connect }) => [byPolling(hub, connect, from), byPush(hub, connect, from)]),
  )
  for (let restart = 1; restart <= RESTARTS; restart++) {
    const enough = (EVENTS * restart) / (RESTARTS + 1)
    await until('some to be published', () => hub.served.log.head >= enough, PATIENCE_MS)
    await hub.stop()
    await hub.start()
  }
  await publishing
  const followed = await following
  const stored = (await hub.served.stored()).map(({ data }) => numberOf(JSON.parse(data)))
  expect(stored.toSorted((a, b) => a - b)).toEqual(Array.from({ length: EVENTS }, (_, index) => index))
  for (const got of followed) expect(got).toEqual(stored)
  await hub.stop()
}, 180_000)
