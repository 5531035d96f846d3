import { expect, test } from 'bun:test'
import { HubError } from '../../../src/core/errors.ts'
import { ALL_GRANTS } from '../../../src/core/grants.ts'
import type { Principal } from '../../../src/core/principal.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { until } from '../../support/until.ts'
import { webhookFixtures } from '../../support/webhook-fixtures.ts'
import { type WebhookHub, webhookHub } from '../../support/webhook-hub.ts'

const { hubWith, receiver } = webhookFixtures()

const status = (code: number) => new Response(null, { status: code })

/** Time goes by, a minute at a time, each with all that is to be done in it. */
async function minutes(hub: WebhookHub, clock: ManualClock, count: number): Promise<void> {
  for (let minute = 0; minute < count; minute++) {
    await hub.idle()
    clock.pass(60_000)
  }
  await hub.idle()
}

for (const [how, code] of [
  ['refuses', 400],
  ['fails at', 500],
] as const) {
  test(`an event that its receiver always ${how} (${code}) holds up nothing, however long nothing else came`, async () => {
    const clock = new ManualClock(Date.now())
    const hub = await hubWith({ clock })
    const callback = receiver({ answer: ({ json }) => status(json.data?.data === 'poison' ? code : 204) })
    await hub.subscribe(callback.url())
    await hub.publish('t', 'poison')
    await until('it is tried', () => callback.attempts.length >= 1)
    await minutes(hub, clock, 180)
    await hub.publish('t', 1, 2, 3)
    await until('the others, at once', () => hub.webhooks.list()[0]!.delivered === 3)
    for (let hours = 0; hours < 100 && hub.webhooks.list()[0]!.abandoned === 0; hours++) {
      await hub.publish('t', `later ${hours}`)
      await minutes(hub, clock, 60)
    }
    await until('nothing to be left', () => hub.webhooks.list()[0]!.behind === 0)
    expect(hub.webhooks.list()[0]).toMatchObject({ abandoned: 1, waiting: 0, behind: 0 })
    await hub.publish('t', 'last')
    await until('a gap', () => callback.notices.length === 1)
  })
}

test('what retention took while a receiver was down is said when it is back, also after a restart', async () => {
  using directory = tempDir()
  const clock = new ManualClock(Date.now())
  const options = { clock, directory: directory.path, retention: { maxEvents: 5 } }
  const callback = receiver({ answer: () => status(503) })
  const first = await webhookHub(options)
  await first.subscribe(callback.url())
  for (let index = 1; index <= 60; index++) await first.publish('t', index)
  await minutes(first, clock, 120)
  await first.log.trim()
  await minutes(first, clock, 60)
  await first.close()
  const before = callback.notices.length
  const hub = await hubWith(options)
  const { promise: over, resolve: end } = Promise.withResolvers<void>()
  callback.answer = ({ json }) => (json.type === 'gap' ? over.then(() => status(204)) : status(204))
  await hub.publish('t', 'new')
  await until('a gap', () => {
    clock.pass(60_000)
    return callback.notices.length === before + 1
  })
  // What is found to be gone while it is told is told with it.
  await until('nothing to be left', () => {
    clock.pass(60_000)
    return hub.webhooks.list()[0]!.behind === 0
  })
  end()
  expect(callback.notices.at(-1)!.json.type).toBe('gap')
  await minutes(hub, clock, 30)
  expect(callback.notices.length).toBe(before + 1)
})

test('an event that the disk gives back damaged for another attempt is gone, and a gap', async () => {
  const clock = new ManualClock(Date.now())
  const hub = await hubWith({ clock })
  const callback = receiver({ answer: ({ json }) => status(json.data?.data === 'damaged' ? 503 : 204) })
  await hub.subscribe(callback.url())
  hub.log.at = () => Promise.reject(new HubError('log-corrupt', 'The event log is damaged.'))
  await hub.publish('t', 'damaged')
  await until('it is tried', () => callback.attempts.length >= 1)
  await minutes(hub, clock, 60)
  expect(hub.webhooks.list()[0]).toMatchObject({ waiting: 0, behind: 0 })
  await hub.publish('t', 'whole')
  await until('a gap', () => {
    clock.pass(60_000)
    return callback.notices.length > 0
  })
  expect(callback.notices[0]!.json.type).toBe('gap')
  expect(hub.reports).toEqual([])
})

test('a gap that nobody heard of stays owed over a restart', async () => {
  using directory = tempDir()
  const clock = new ManualClock(Date.now())
  const callback = receiver({ answer: ({ json }) => status(json.data?.data === 1 ? 410 : 204) })
  const first = await webhookHub({ clock, directory: directory.path })
  await first.subscribe(callback.url())
  await first.publish('t', 1)
  await until('it is given up', () => first.webhooks.list()[0]!.abandoned === 1)
  await first.close()
  expect(callback.notices).toEqual([])
  const hub = await hubWith({ clock, directory: directory.path })
  await hub.publish('t', 2)
  await until('a gap', () => callback.notices.length === 1)
})

test('a 2xx counts whatever becomes of its body', async () => {
  const hub = await hubWith()
  const sockets = new Set<{ end(): void }>()
  const raw = Bun.listen<{ asked: string }>({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      open(socket) {
        socket.data = { asked: '' }
        sockets.add(socket)
      },
      data(socket, bytes) {
        socket.data.asked += bytes.toString()
        const text = socket.data.asked
        const challenge = /"challenge":"([^"]+)"/.exec(text)?.[1]
        if (challenge) {
          const body = JSON.stringify({ challenge })
          socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`)
        } else if (text.includes('"cut"')) socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nok')
        else if (text.includes('"left open"'))
          socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n')
      },
    },
  })
  try {
    await hub.subscribe(`http://127.0.0.1:${raw.port}/hook`)
    await hub.publish('t', 'cut', 'left open')
    await until('both are taken', () => hub.webhooks.list()[0]!.delivered === 2)
    expect(hub.webhooks.list()[0]).toMatchObject({ waiting: 0, lastError: null })
  } finally {
    for (const socket of sockets) socket.end()
    raw.stop(true)
  }
})

test('redeliver after a place ahead of a webhook that is behind skips nothing', async () => {
  const hub = await hubWith()
  const callback = receiver()
  const { id } = await hub.subscribe(callback.url())
  await hub.webhooks.disable(id)
  const receipts = await hub.publish('t', ...Array.from({ length: 20 }, (_, index) => index))
  await hub.webhooks.redeliver(id, { after: hub.hub.cursor(receipts[14]!.offset) })
  await hub.webhooks.enable(id)
  await until('all', () => callback.attempts.length === 20)
})

test('a clock that is put back a day holds up nothing', async () => {
  const clock = new ManualClock(Date.now())
  const wall = { back: 0 }
  const shifting = Object.assign(Object.create(clock), { now: () => clock.now() - wall.back }) as ManualClock
  for (const name of ['monotonic', 'random', 'every', 'yield'] as const) {
    Object.assign(shifting, { [name]: (clock[name] as (...args: never[]) => unknown).bind(clock) })
  }
  const hub = await hubWith({ clock: shifting })
  const callback = receiver({ answer: () => status(500) })
  await hub.subscribe(callback.url())
  await hub.publish('t', 1, 2, 3, 4, 5)
  await until('it rests', () => callback.attempts.length >= 4)
  wall.back = 86_400_000
  callback.answer = () => status(204)
  await hub.publish('t', 6)
  await minutes(hub, clock, 10)
  await until('all', () => hub.webhooks.list()[0]!.delivered === 6)
})

test('what waited when the log was replaced is forgotten, also by the second start', async () => {
  using directory = tempDir()
  const clock = new ManualClock(Date.now())
  const callback = receiver({ answer: () => status(500) })
  const first = await webhookHub({ clock, directory: directory.path })
  await first.subscribe(callback.url())
  await first.publish('t', 1, 2, 3)
  await until('they wait', () => first.webhooks.list()[0]!.waiting >= 1)
  await first.close()
  for (const file of ['events.db', 'events.db-wal', 'events.db-shm']) {
    await Bun.file(`${directory.path}/${file}`)
      .delete()
      .catch(() => {})
  }
  callback.answer = () => status(204)
  const second = await webhookHub({ clock, directory: directory.path })
  await second.publish('t', 'a', 'b', 'c')
  await until('the new ones', () => second.webhooks.list()[0]!.delivered === 3)
  await second.close()
  const before = callback.attempts.length
  const hub = await hubWith({ clock, directory: directory.path })
  expect(hub.webhooks.list()[0]).toMatchObject({ waiting: 0, behind: 0 })
  await minutes(hub, clock, 20)
  expect(callback.attempts.length).toBe(before)
})

test('a retry is made when it is due, whatever wakes its outlet for nothing in between', async () => {
  const clock = new ManualClock(Date.now())
  const hub = await hubWith({ clock })
  const times: number[] = []
  const began = clock.now()
  const callback = receiver({
    answer: () => {
      times.push((clock.now() - began) / 1000)
      return status(times.length <= 3 ? 500 : 204)
    },
  })
  const { id } = await hub.subscribe(callback.url())
  await hub.publish('t', 1)
  await until('the first', () => times.length === 1)
  for (const [index, pause] of [10, 30, 80].entries()) {
    // Until its end is known no time goes by, and none after it was due: what a slow machine takes is not measured.
    await until('its end', () => hub.webhooks.show(id).attempts.length === index + 1)
    for (let half = 0; half < pause * 2 + 5 && times.length === index + 1; half++) {
      clock.pass(500)
      await clock.yield()
    }
    await until('the next', () => times.length === index + 2)
    expect(times[index + 1]! - times[index]!).toBeGreaterThanOrEqual(pause)
    expect(times[index + 1]! - times[index]!).toBeLessThan(pause + 3)
  }
})

test('disabling and enabling are on the disk when they are answered', async () => {
  using directory = tempDir()
  const callback = receiver()
  const first = await webhookHub({ directory: directory.path, clock: new ManualClock(Date.now()) })
  const { id } = await first.subscribe(callback.url())
  await first.webhooks.disable(id)
  const { Database } = await import('bun:sqlite')
  const database = new Database(`${directory.path}/webhooks.db`, { readonly: true })
  const tables = database.query<{ name: string }, []>("SELECT name FROM sqlite_schema WHERE type = 'table'").all()
  const rows = JSON.stringify(tables.map(({ name }) => database.query(`SELECT * FROM ${name}`).all()))
  database.close()
  expect(rows).toContain('\\"disabled\\":true')
  await first.close()
})

const who = (id: string): Principal => ({
  ...({ grants: ALL_GRANTS, expires: undefined } as const),
  id,
  credential: id,
  limited: true,
})

test('receivers that hang, now and then or always, delay nobody else, whoever they belong to', async () => {
  const hub = await hubWith()
  const release: (() => void)[] = []
  let hang = false
  const answer = () =>
    hang ? new Promise<Response>((resolve) => release.push(() => resolve(status(204)))) : status(204)
  const bad = Array.from({ length: 24 }, () => receiver({ answer }))
  for (const [index, callback] of bad.entries()) {
    for (const path of ['/1', '/2'])
      await hub.subscribe(callback.url(path), { principal: who(index % 2 ? 'key:a' : 'key:b') })
  }
  const good = receiver()
  await hub.subscribe(good.url(), { principal: who('key:c') })
  await hub.publish('t', 'warm')
  await until('all are quick', () => good.attempts.length === 1)
  hang = true
  for (let index = 0; index < 12; index++) {
    const before = good.attempts.length
    await hub.publish('t', ...Array.from({ length: 20 }, () => index))
    // None of the others' attempts ends before.
    await until('the good one has them', () => good.attempts.length === before + 20)
  }
  hang = false
  for (const each of release) each()
})

test('one owner whose callback hangs at every gap keeps nobody else from hearing of theirs', async () => {
  const hub = await hubWith()
  const release: (() => void)[] = []
  const bad = receiver({
    answer: ({ json }) =>
      json.type === 'gap'
        ? new Promise((resolve) => release.push(() => resolve(status(204))))
        : status(json.data?.data % 2 ? 410 : 204),
  })
  for (let index = 0; index < 30; index++) await hub.subscribe(bad.url(`/${index}`), { principal: who('key:bad') })
  const good = receiver({ answer: ({ json }) => status(json.data?.data === 1 ? 410 : 204) })
  await hub.publish('t', ...Array.from({ length: 40 }, (_, index) => index))
  await until('its gaps hang', () => release.length >= 2)
  await hub.subscribe(good.url(), { principal: who('key:good') })
  await hub.publish('t', 1)
  const ofGood = () => hub.webhooks.list().find(({ principal }) => principal === 'key:good')!
  // Told with the next one that is taken.
  await until('one to be given up', () => ofGood().abandoned === 1)
  await hub.publish('t', 2)
  await until('the gap of the other', () => good.notices.length === 1)
  expect(release.length).toBe(2)
  for (const each of release) each()
})

test('places that disabled webhooks waited for are taken by the others', async () => {
  const clock = new ManualClock(Date.now())
  const hub = await hubWith({ clock })
  const release: (() => void)[] = []
  let hang = true
  const callback = receiver({
    answer: () => (hang ? new Promise((resolve) => release.push(() => resolve(status(204)))) : status(204)),
  })
  const ids: string[] = []
  for (let index = 0; index < 30; index++) ids.push((await hub.subscribe(callback.url(`/${index}`))).id)
  await hub.publish('t', 1)
  await until('twelve at once', () => callback.attempts.length === 12)
  const busy = new Set(callback.attempts.map(({ subscription }) => subscription))
  const parked = ids.filter((id) => !busy.has(id))
  for (const id of parked.slice(0, 12)) await hub.webhooks.disable(id)
  hang = false
  for (const each of release) each()
  await until('the six others', () => callback.attempts.length === 18)
})
