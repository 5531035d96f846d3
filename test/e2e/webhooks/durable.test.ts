import { afterEach, expect, test } from 'bun:test'
import { DeliveryBook } from '../../support/delivery-book.ts'
import type { Executable } from '../../support/executable.ts'
import { freePort } from '../../support/port.ts'
import { until } from '../../support/until.ts'
import { adminKey, eventIdOf, WebhookCaller, webhookExecutable } from '../../support/webhook-executable.ts'
import { WebhookReceiver } from '../../support/webhook-receiver.ts'

let server: Executable | undefined
const receivers: WebhookReceiver[] = []
afterEach(async () => {
  for (const receiver of receivers.splice(0)) await receiver.close()
  expect(server?.output ?? '').not.toContain('internal error')
  await server?.remove()
  server = undefined
})

function receiver(options?: ConstructorParameters<typeof WebhookReceiver>[0]): WebhookReceiver {
  const made = new WebhookReceiver(options)
  receivers.push(made)
  return made
}

/** How far the hub writes down what was taken is behind by at most this: 100 ms, the disk, and a machine with much to do. */
const UNRECORDED_MS = 15_000
const EVENTS = 600
const AT_ONCE = 4
const BURST = 200
/** As many of a burst one that is slow takes before the hub is killed. */
const MOST_SLOW = 100
/** Events that are acknowledged and not yet delivered. */
const AHEAD = 100

/**
 * Publishes so many, unless the server is gone before. @returns the ids of what was acknowledged, by their number
 * @param delivered how many were: then it is not far ahead of them
 */
async function publishing(
  caller: WebhookCaller,
  from: number,
  count: number,
  delivered = () => Number.POSITIVE_INFINITY,
): Promise<Map<string, number>> {
  const acknowledged = new Map<string, number>()
  let next = from
  const lane = async (): Promise<void> => {
    while (next < from + count) {
      if (next - from - delivered() > AHEAD) {
        if (!server!.isRunning) return
        await Bun.sleep(1)
        continue
      }
      const number = next++
      const answer = await caller
        .fetch('/events/jobs/1', { method: 'POST', body: String(number) })
        .then(async (response) =>
          response.status === 201 ? ((await response.json()) as { cursor: string }) : undefined,
        )
        .catch(() => undefined)
      if (!answer) return
      acknowledged.set(eventIdOf(answer.cursor), number)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
  return acknowledged
}

/** In one batch. */
async function publishingAtOnce(caller: WebhookCaller, from: number, count: number): Promise<Map<string, number>> {
  const batch = Array.from({ length: count }, (_, index) => ({ topic: 'jobs/1', data: from + index }))
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(batch) }
  const { events } = (await caller.json('/events', init)) as { events: { cursor: string }[] }
  return new Map(events.map(({ cursor }, index) => [eventIdOf(cursor), from + index]))
}

test('kill -9 amid deliveries, one receiver failing and one down: everything acknowledged arrives, once unless it was just taken, nothing at the one that did not prove itself', async () => {
  const key = adminKey()
  server = await webhookExecutable([key])
  const caller = new WebhookCaller(server, key.text)
  const books = {
    healthy: new DeliveryBook(),
    slow: new DeliveryBook(),
    failing: new DeliveryBook(),
    down: new DeliveryBook(),
  }
  const killed = Promise.withResolvers<void>()
  const slow = receiver({
    answer: books.slow.keep(async () => {
      await (books.slow.taken.size < MOST_SLOW ? Bun.sleep(100) : killed.promise)
      return 204
    }),
  })
  const healthy = receiver({ answer: books.healthy.keep(() => 204) })
  let tries = 0
  let broken = true
  const failing = receiver({ answer: books.failing.keep(() => (broken && tries++ % 3 === 0 ? 500 : 204)) })
  const port = freePort()
  const down = receiver({ port })
  const unproven = receiver({ prove: () => Response.json({ challenge: 'another' }) })
  const ids: string[] = []
  for (const { url } of [healthy, slow, failing, down].map((each) => ({ url: each.url() }))) {
    ids.push(await caller.subscribed(url, 'jobs/**'))
  }
  expect((await caller.subscribe(unproven.url(), 'jobs/**')).error).toMatchObject({ message: 'CallbackEndpointError' })
  await down.close()

  // More than one receiver takes at once, in the hub's hand when it is killed, and how far it is has been written down.
  const burst = await publishingAtOnce(caller, -BURST, BURST)
  await until('the slow one to take its time', () => books.slow.taken.size >= 24)
  await until('the healthy one to have the burst', async () => {
    const { delivered } = await caller.json(`/webhooks/${ids[0]}`)
    return delivered === BURST
  })
  // Which writes down how far it is.
  await caller.json(`/webhooks/${ids[0]}/enable`, { method: 'POST' })
  const first = publishing(caller, 0, EVENTS, () => books.healthy.taken.size - BURST)
  await until('some deliveries', () => books.healthy.taken.size > BURST + 100)
  expect(books.slow.taken.size).toBeLessThan(BURST)
  await server.kill('SIGKILL')
  const killedAt = performance.now()
  killed.resolve()
  const acknowledged = await first
  expect(acknowledged.size).toBeLessThan(EVENTS)
  // Of what the hub had sent, some is still to be read.
  const entries = () => Object.values(books).reduce((sum, book) => sum + book.entries.length, 0)
  for (let seen = -1; seen < entries(); ) {
    seen = entries()
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
  const before = books.healthy.taken.size
  const startedAt = performance.now()
  await server.start()
  const second = await publishing(caller, EVENTS, 100)
  expect(second.size).toBe(100)
  const owed = new Map([...burst, ...acknowledged, ...second])
  await until('the healthy one to have all', () => [...owed.keys()].every((id) => books.healthy.taken.has(id)))
  receiver({ port, answer: books.down.keep(() => 204) })
  broken = false
  // Since it was restarted it has rested ever longer, up to about as long as it was down.
  const late = 120_000
  for (const book of [books.slow, books.failing, books.down]) {
    await until('the others to have all', () => [...owed.keys()].every((id) => book.taken.has(id)), late)
  }
  await until('all to be settled', async () => {
    const { webhooks } = await caller.json('/webhooks')
    return webhooks.every(({ waiting, behind }: { waiting: number; behind: number }) => waiting + behind === 0)
  })
  const { webhooks } = await caller.json('/webhooks')
  expect(webhooks.map(({ id, abandoned }: { id: string; abandoned: number }) => [id, abandoned]).toSorted()).toEqual(
    ids.map((id) => [id, 0]).toSorted(),
  )
  for (const [name, book] of Object.entries(books)) {
    for (const { id, data } of book.entries) if (owed.has(id)) expect(data).toBe(String(owed.get(id)))
    for (const { at } of book.repeated) {
      expect(at).toBeGreaterThan(killedAt - UNRECORDED_MS)
      expect(at).toBeLessThan(startedAt)
    }
    if (name === 'healthy') expect(book.repeated.filter(({ id }) => burst.has(id))).toEqual([])
    const { size } = book.taken
    console.log(`kill -9: ${name}: ${size} events, ${book.entries.length} attempts, ${book.repeated.length} came again`)
  }
  console.log(`kill -9: ${acknowledged.size} acknowledged before it, ${before} of them delivered to the healthy one`)
  expect([unproven.attempts.length, unproven.challenges.length]).toEqual([0, 1])
  expect([healthy.challenges.length, failing.challenges.length]).toEqual([1, 1])
}, 400_000)

test('SIGTERM amid deliveries: those under way end, and nothing that was taken comes again after the start, with one of three down over it', async () => {
  const key = adminKey()
  server = await webhookExecutable([key])
  const caller = new WebhookCaller(server, key.text)
  const books = { slow: new DeliveryBook(), quick: new DeliveryBook(), down: new DeliveryBook() }
  const told = Promise.withResolvers<void>()
  const slow = receiver({ answer: books.slow.keep(() => told.promise.then(() => Bun.sleep(300)).then(() => 204)) })
  const quick = receiver({ answer: books.quick.keep(() => 204) })
  const port = freePort()
  const down = receiver({ port })
  for (const each of [slow, quick, down]) await caller.subscribed(each.url(), 'jobs/**')
  await down.close()
  const owed = await publishingAtOnce(caller, 0, 60)
  await until('some under way', () => books.slow.entries.filter(({ status }) => status === undefined).length >= 4)
  const stopped = server.kill('SIGTERM')
  told.resolve()
  expect(await stopped).toBe(0)
  // Each was waited for: none is without its answer.
  expect(books.slow.entries.filter(({ status }) => status === undefined)).toEqual([])
  const atStop = { slow: books.slow.taken.size, quick: books.quick.taken.size }
  expect(atStop.slow).toBeLessThan(60)
  await server.start()
  receiver({ port, answer: books.down.keep(() => 204) })
  for (const book of Object.values(books)) {
    await until('all of them', () => [...owed.keys()].every((id) => book.taken.has(id)), 80_000)
  }
  await until('all to be settled', async () => {
    const { webhooks } = await caller.json('/webhooks')
    return webhooks.every(({ waiting, behind }: { waiting: number; behind: number }) => waiting + behind === 0)
  })
  for (const book of Object.values(books)) expect([book.repeated, book.entries.length]).toEqual([[], 60])
  console.log(`SIGTERM: ${atStop.slow} of 60 at the slow one and ${atStop.quick} at the quick one when it stopped`)
}, 300_000)
