import { afterEach, describe, expect, test } from 'bun:test'
import { keySettings, testKey } from '../../support/access.ts'
import type { ServedHubOptions } from '../../support/served-hub.ts'
import { type StatelessHub, statelessHub } from '../../support/stateless-hub.ts'
import { connect, EVERY_WAY, topicEvents } from './events-client.ts'

const SEP = { NotFound: -32023, Forbidden: -32024, ResourceExhausted: -32025 }
const SKETCH = { NotFound: -32011, Forbidden: -32012, ResourceExhausted: -32013 }

const key = testKey('reader', { subscribe: ['orders/**'] })

let served: StatelessHub
afterEach(async () => {
  expect(served.reports).toEqual([])
  await served.close()
})

async function serve(options: ServedHubOptions): Promise<void> {
  served = await statelessHub({ access: keySettings([key]), limits: { connections: 0 }, ...options })
}

/** The three errors there are, as one client gets them. */
async function numbers(connectWay: typeof connect, declares: boolean) {
  const { ask } = await connectWay(served.fetch, { key: key.text, declares })
  const errors = [
    (await ask('events/poll', { name: 'nonsense' })).error,
    (await ask('events/poll', topicEvents('secret/1'))).error,
    (await ask('events/stream', topicEvents('orders/1'))).error,
  ]
  return Object.fromEntries(errors.map(({ message, code }) => [message, code]))
}

describe.each(EVERY_WAY.filter(({ name }) => name !== '2024-11-05'))('errors in $name', ({ connect: connectWay }) => {
  test('D2: have the numbers of the profile, whatever the client declares', async () => {
    for (const [eventsProfile, table] of [
      ['sep', SEP],
      ['sketch', SKETCH],
    ] as const) {
      await serve({ eventsProfile })
      for (const declares of [false, true]) expect(await numbers(connectWay, declares)).toEqual(table)
      await served.close()
    }
    await serve({ eventsProfile: 'auto' })
  })

  test('D2: by default have those of SEP-3415 for who declares the extension, else those of the sketch', async () => {
    await serve({})
    expect(await numbers(connectWay, true)).toEqual(SEP)
    expect(await numbers(connectWay, false)).toEqual(SKETCH)
  })
})

test('D14: errors of the extension are answers with status 200', async () => {
  await serve({})
  for (const [method, params] of [
    ['events/poll', { name: 'nonsense' }],
    ['events/poll', topicEvents('secret/1')],
    ['events/stream', topicEvents('orders/1')],
    ['events/stream', topicEvents('')],
  ] as const) {
    const answer = await served.ask(method, params, { key: key.text })
    expect([answer.status, answer.headers.get('content-type')?.split(';')[0]]).toEqual([200, 'application/json'])
  }
})

test('48: what is refused says nothing of what others may read', async () => {
  await serve({})
  const { ask } = await connect(served.fetch, { key: key.text })
  for (const topic of ['secret/1', 'secret/none']) {
    const { error } = await ask('events/poll', topicEvents(topic))
    expect(JSON.stringify(error)).not.toContain('secret')
  }
})

test('a server that fails says so without its own words, and reports them', async () => {
  await serve({ limits: {} })
  const { seek } = served.log
  served.log.seek = async () => {
    throw new Error('inner words')
  }
  const { ask } = await connect(served.fetch, { key: key.text })
  const params = topicEvents('orders/1', { cursor: served.hub.cursor(0), maxAgeMs: 1 })
  for (const method of ['events/poll', 'events/stream']) {
    const { error } = await ask(method, params)
    expect(error.code).toBe(-32603)
    expect(error.message).not.toContain('inner words')
  }
  expect(served.reports.splice(0).map(String)).toEqual(['Error: inner words', 'Error: inner words'])
  served.log.seek = seek
})
