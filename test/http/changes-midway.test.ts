import { afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { PublishRate } from '../../src/auth/publish-rate.ts'
import { signToken } from '../../src/auth/signed-token.ts'
import type { ErrorCode } from '../../src/core/errors.ts'
import { bearer, keySettings, type TestKey, testKey } from '../support/access.ts'
import { HMAC_SECRET } from '../support/authority.ts'
import { regranted } from '../support/configured-key.ts'
import { grantedTokens, ORDERS, reader } from '../support/granted-hub.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { expectProblem } from '../support/problem.ts'
import { expectSecret, registerSecret } from '../support/secrets.ts'
import { type ServedHub, servedHub } from '../support/served-hub.ts'

const LISTED = 'https://app.example'
const START = new ManualClock().now()
const LIFE_MS = 60_000
const app = testKey('app', ORDERS, START + LIFE_MS)
const withKeys = (keys: TestKey[], corsOrigins = [LISTED]) => keySettings(keys, { tokens: grantedTokens, corsOrigins })

let clock: ManualClock
let served: ServedHub
/** Called when the gate has looked at a credential, and only then. */
let looked: () => void
let token: string

async function serve(publishRate?: PublishRate): Promise<void> {
  clock = new ManualClock(START)
  looked = () => {}
  served = await servedHub({
    access: withKeys([app]),
    // What a credential is compared with is asked for by whoever looks at one, so the first time it is the gate.
    now: () => {
      const now = clock.now()
      const tell = looked
      looked = () => {}
      tell()
      return now
    },
    ...(publishRate ? { publishRate } : {}),
  })
}
beforeAll(async () => {
  token = registerSecret(
    await signToken(HMAC_SECRET, { sub: 'alice', grants: ORDERS }, { now: START, ttlMs: LIFE_MS }),
    'a token in a cookie',
  )
})
afterEach(() => served.close())

interface Asked {
  path: string
  body?: string
  /** Where a refusal of its topic points. */
  topic: string
}

/** Lets the gate look, then changes things, then sends the rest of the body: of a GET, between the gate and the route. */
async function askWhile(change: () => void, { path, body }: Asked, headers: Record<string, string>): Promise<Response> {
  if (body === undefined) {
    looked = change
    return served.fetch(path, { headers })
  }
  const seen = Promise.withResolvers<void>()
  looked = seen.resolve
  const parts = new ReadableStream({
    async start(controller) {
      controller.enqueue(new TextEncoder().encode(body.slice(0, 1)))
      await seen.promise
      await clock.yield()
      change()
      controller.enqueue(new TextEncoder().encode(body.slice(1)))
      controller.close()
    },
  })
  const response = await served.fetch(path, {
    method: 'POST',
    body: parts,
    headers: { ...headers, 'content-type': 'application/json' },
  })
  return path === '/tickets' ? expectSecret(response) : response
}

describe('what changes while a request is on its way counts:', () => {
  const routes: [string, Asked][] = [
    ['POST /events/{topic}', { path: '/events/orders/1', body: '"x"', topic: '/topic' }],
    ['POST /events', { path: '/events', body: '{"topic":"orders/1","data":1}', topic: '/topic' }],
    ['POST /tickets', { path: '/tickets', body: '{"topics":["orders/1"]}', topic: '/topics' }],
    ['GET /events', { path: '/events/orders/1', topic: '/topic' }],
    ['GET /events?format=json', { path: '/events/orders/1?format=json', topic: '/topic' }],
  ]
  const byKey = () => bearer(app.text)
  const byCookie = () => ({ cookie: `hub_token=${token}`, origin: LISTED })
  const reloaded = (...settings: Parameters<typeof withKeys>) => served.access.replace(withKeys(...settings))
  const elsewhere = { publish: ['other/**'], subscribe: ['other/**'] }
  const changes: [string, () => Record<string, string>, () => void, number, ErrorCode][] = [
    ['a key that is removed', byKey, () => reloaded([reader]), 401, 'credential-invalid'],
    ['a key that is narrowed', byKey, () => reloaded([regranted(app, elsewhere)]), 403, 'forbidden'],
    ['a key that ends', byKey, () => clock.pass(LIFE_MS), 401, 'credential-expired'],
    ['a token that ends', byCookie, () => clock.pass(LIFE_MS + 10_000), 401, 'credential-expired'],
    ['an origin that is no longer allowed', byCookie, () => reloaded([app], []), 403, 'origin-not-allowed'],
  ]
  const table = routes.flatMap(([route, asked]) => changes.map((change) => [route, ...change, asked] as const))

  test.each(table)('%s by %s', async (_, __, shown, change, status, code, asked) => {
    await serve()
    const response = await askWhile(change, asked, shown())
    await expectProblem(response, status, code, code === 'forbidden' ? asked.topic : undefined)
    expect(await served.stored()).toEqual([])
    expect(served.hub.connections).toBe(0)
  })

  const shown: [string, () => Record<string, string>][] = [
    ['a key', byKey],
    ['a cookie', byCookie],
  ]
  const unchanged = routes.flatMap(([route, asked]) =>
    shown.map(([name, headers]) => [route, name, headers, asked] as const),
  )

  test.each(unchanged)('%s by %s goes on when nothing changes for who asks', async (_, __, headers, asked) => {
    await serve()
    const response = await askWhile(() => reloaded([reader, app]), asked, headers())
    expect(response.status).toBe(asked.body === undefined ? 200 : 201)
    await response.body?.cancel()
  })

  test('a body is counted for who it is by when it is there', async () => {
    await serve(new PublishRate({ perSecond: 1, now: () => 0 }))
    const batch = (count: number) => JSON.stringify(Array(count).fill({ topic: 'orders/1', data: 1 }))
    const renamed = () => reloaded([{ text: app.text, settings: { ...app.settings, name: 'renamed' } }])
    const asked = (count: number) => ({ path: '/events', body: batch(count), topic: '/topic' })
    expect((await askWhile(renamed, asked(5), byKey())).status).toBe(201)
    await expectProblem(await askWhile(() => {}, asked(1), byKey()), 429, 'rate-limited')
  })
})
