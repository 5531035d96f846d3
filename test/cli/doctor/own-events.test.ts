import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import { NotPublished, OwnEvents } from '../../../src/cli/doctor/own-events.ts'
import { NoAnswer, Way } from '../../../src/cli/doctor/way.ts'
import { bearer, type TestKey, testKey } from '../../support/access.ts'
import { answeringProxy } from '../../support/answering-proxy.ts'
import { doctor, examinedHub, troubles } from '../../support/doctor.ts'
import type { ServedHub } from '../../support/served-hub.ts'
import { settled } from '../../support/settled.ts'

const TOPIC = 'orders/42'

let key: TestKey
let hub: ServedHub
beforeAll(async () => {
  key = testKey('doctor', { publish: ['**'], subscribe: ['**'], admin: true })
  hub = await examinedHub({ access: { keys: [key.settings] } })
})
afterAll(() => hub?.close())
afterEach(async () => {
  await hub.fetch(`/topics/${TOPIC}`, { method: 'DELETE', headers: bearer(key.text) })
})

async function publishStrangers(data: string): Promise<void> {
  const sent = await hub.fetch(`/events/${TOPIC}`, { method: 'POST', headers: bearer(key.text), body: data })
  expect(sent.status).toBe(201)
}

const storedData = async () => (await hub.stored()).map(({ data }) => data)

function ownEvents(url: string, patienceMs?: number): OwnEvents {
  return new OwnEvents(new Way(url, key.text, new AbortController().signal), TOPIC, patienceMs)
}

test('what others have published to the topic stays, before and after what the doctor publishes', async () => {
  await publishStrangers('theirs')
  const { examined } = await doctor(hub.url, { key: key.text, args: ['--topic', TOPIC] })
  expect(examined.left).toBeNull()
  expect(troubles(examined)).toEqual({})
  expect(await storedData()).toEqual(['theirs'])
})

test('an event whose answer was lost is found by its id and erased, and it is there once', async () => {
  await publishStrangers('theirs')
  let lost = 0
  await using proxy = answeringProxy(hub.url, {
    after: ({ method }) => (method === 'POST' && lost++ < 2 ? new Response('away', { status: 502 }) : undefined),
  })
  const own = ownEvents(proxy.url)
  expect(await settled(own.publish('one'))).toThrow(NotPublished)
  expect(await settled(own.publish('two'))).toThrow('Publishing was answered with 502, and not by the hub.')
  await own.publish('three')
  expect(await hub.stored()).toHaveLength(4)
  expect(await own.erase(true)).toBeUndefined()
  expect(await storedData()).toEqual(['theirs'])
})

test('a 200 that is not the hub’s says nothing of whether an event is stored', async () => {
  let lost = 0
  await using proxy = answeringProxy(hub.url, {
    after: ({ method }) => (method === 'POST' && lost++ === 0 ? new Response('retry: 2000\n\n') : undefined),
  })
  const own = ownEvents(proxy.url)
  expect(await settled(own.publish('one'))).toThrow(NotPublished)
  expect(await own.erase(true)).toBeUndefined()
  expect(await storedData()).toEqual([])
})

test('a hub that restarts while the events are erased is waited for', async () => {
  let erased = 0
  await using proxy = answeringProxy(hub.url, {
    before: ({ method }) =>
      method === 'DELETE' && [1, 2].includes(erased++) ? new Response('away', { status: 502 }) : undefined,
  })
  const own = ownEvents(proxy.url)
  for (const data of ['one', 'two', 'three']) await own.publish(data)
  expect(await own.erase(true)).toBeUndefined()
  expect(await storedData()).toEqual([])
})

test('where the hub stays away it says how many are left, and why', async () => {
  await using proxy = answeringProxy(hub.url, {
    before: ({ method }) => (method === 'DELETE' ? new Response('away', { status: 502 }) : undefined),
  })
  const own = ownEvents(proxy.url, 100)
  await own.publish('one')
  await own.publish('two')
  expect(await own.erase(true)).toMatch(
    /^2 events of orders\/42 stay until retention takes them: DELETE \/events\/\S+ was answered with 502, and not by the hub\.$/,
  )
})

test('a proxy that lets no DELETE through is not asked again', async () => {
  let asked = 0
  await using proxy = answeringProxy(hub.url, {
    before: ({ method }) => (method === 'DELETE' && ++asked ? new Response('', { status: 405 }) : undefined),
  })
  const own = ownEvents(proxy.url)
  await own.publish('one')
  expect(await own.erase(true)).toMatch(/^1 event of orders\/42 stays .* answered with 405, and not by the hub\.$/)
  expect(asked).toBe(1)
})

test('what the hub has refused is not there to be erased, and its sentence is handed on', async () => {
  const own = new OwnEvents(new Way(hub.url, undefined, new AbortController().signal), TOPIC)
  expect(await settled(own.publish('one'))).toThrow(/^Publishing was refused by the hub: .+ \[credential-missing\]$/)
  expect(await own.erase(false)).toBeUndefined()
})

test('without any answer an event may be there, which is said', async () => {
  const own = ownEvents('http://127.0.0.1:9', 10)
  expect(await settled(own.publish('one'))).toThrow(NoAnswer)
  expect(await own.erase(false)).toBe(
    'Up to 1 event of orders/42 stays until retention takes them: the key may not erase.',
  )
})
