import { afterEach, expect, test } from 'bun:test'
import { PublishRate } from '../../../src/auth/publish-rate.ts'
import { HubError } from '../../../src/core/errors.ts'
import { parseGrants } from '../../../src/core/grants.ts'
import { bearer, keySettings, testKey } from '../../support/access.ts'
import { checkOf, doctor, type Examined, examinedHub, troubles } from '../../support/doctor.ts'
import type { ServedHub, ServedHubOptions } from '../../support/served-hub.ts'

/** What a hub refuses by rules of its own is no fault of the way to it. */

const key = testKey('doctor', { publish: ['**'], subscribe: ['**'], admin: true })

let hub: ServedHub | undefined
afterEach(async () => {
  await hub?.close()
  hub = undefined
})

async function served(options: ServedHubOptions): Promise<ServedHub> {
  hub = await examinedHub({ access: keySettings([key]), ...options })
  return hub
}

function skippedOf({ checks }: Examined): string[] {
  return checks.filter(({ verdict }) => verdict === 'skipped').map(({ check }) => check)
}

test('a page that has no key is not looked at as one that has, where everyone may publish', async () => {
  const { url } = await served({
    access: keySettings([key], { anonymous: parseGrants({ publish: ['**'] }) }),
  })
  const { examined, exitCode } = await doctor(url)
  expect(troubles(examined)).toEqual({})
  expect(exitCode).toBe(0)
})

test('a schema over the topic is said in the hub’s words, and is no problem', async () => {
  const { url } = await served({
    check: () => {
      throw new HubError('invalid-event', 'data is not as the event type wants it.')
    },
  })
  const { examined, exitCode } = await doctor(url, { key: key.text })
  expect(troubles(examined)).toEqual({})
  expect(exitCode).toBe(0)
  expect(checkOf(examined, 'buffering')).toMatchObject({
    verdict: 'skipped',
    saw: 'Publishing was refused by the hub: data is not as the event type wants it. [invalid-event]',
  })
  expect(skippedOf(examined).sort()).toEqual(['buffering', 'mcp', 'replay', 'restart'])
})

test('a spent publish rate is said in the hub’s words, and is no problem', async () => {
  const { url, fetch: ask } = await served({ publishRate: new PublishRate({ perSecond: 1, now: () => 0 }) })
  for (let n = 0; n < 5; n++) await ask('/events/a', { method: 'POST', headers: bearer(key.text), body: 'x' })
  const { examined, exitCode } = await doctor(url, { key: key.text })
  expect(troubles(examined)).toEqual({})
  expect(exitCode).toBe(0)
  expect(checkOf(examined, 'replay').saw).toMatch(/ \[rate-limited\]$/)
})

test('the streams of the doctor itself are in nobody’s way where one may be open', async () => {
  const { url } = await served({ limits: { connections: 1 } })
  const { examined, exitCode } = await doctor(url, { key: key.text })
  expect(troubles(examined)).toEqual({})
  expect(exitCode).toBe(0)
  expect(skippedOf(examined)).toEqual(['restart'])
})

test('a hub that takes no stream at all is a problem', async () => {
  const { url, fetch: ask } = await served({ limits: { connections: 1 } })
  const first = await ask('/events', { headers: bearer(key.text) })
  expect(first.status).toBe(200)
  const { examined, exitCode } = await doctor(url, { key: key.text })
  expect(checkOf(examined, 'buffering')).toMatchObject({
    verdict: 'fail',
    saw: 'The hub takes no stream now: too-many-connections.',
  })
  expect(exitCode).toBe(1)
  // Used to the end: a response that nothing refers to is collected, and its stream is closed.
  await first.body?.cancel()
})

test('a stream that the hub ends by its age is followed by the next one, and nothing is cut', async () => {
  const { url } = await served({ limits: { maxAgeMs: 1200, heartbeatMs: 1000 } })
  const { examined, exitCode } = await doctor(url, { key: key.text, args: ['--for', '8s'] })
  expect(troubles(examined)).toEqual({})
  expect(exitCode).toBe(0)
  const { saw, numbers } = checkOf(examined, 'idle')
  expect(saw).toContain('The hub ended streams by their age (stream.max_age), as it does.')
  // Of its own seconds, of which each lasts ten.
  expect(numbers.heldMs).toBeGreaterThanOrEqual(800)
})

test('a key that may only publish is told that it may not read, wherever that is lacking', async () => {
  const publisher = testKey('publisher', { publish: ['**'] })
  const { url } = await served({ access: keySettings([publisher]) })
  const { examined } = await doctor(url, { key: publisher.text })
  expect(troubles(examined)).toEqual({})
  expect(checkOf(examined, 'mcp-2024').saw).toBe('The key may not read.')
})
