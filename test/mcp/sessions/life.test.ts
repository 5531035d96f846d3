import { heapStats } from 'bun:jsc'
import { afterEach, describe, expect, test } from 'bun:test'
import { LOCAL } from '../../../src/core/principal.ts'
import { ownerOf } from '../../../src/mcp/eras/sessions/session.ts'
import { keySettings, testKey } from '../../support/access.ts'
import { HMAC_SECRET, tokenSettings } from '../../support/authority.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import type { ServedHubOptions } from '../../support/served-hub.ts'
import { signedToken } from '../../support/signed-token.ts'
import { until } from '../../support/until.ts'
import type { Message, SessionClient } from './session-client.ts'
import { type SessionHub, sessionHub } from './session-hub.ts'

const ONE = 'events://topics/orders/1'
const alice = testKey('alice', { subscribe: ['orders/**'], publish: ['**'] })
const bob = testKey('bob', { subscribe: ['**'] })
const HOUR = 3_600_000

let served: SessionHub
async function serve(options: ServedHubOptions = {}): Promise<SessionHub> {
  served = await sessionHub(options)
  return served
}
afterEach(async () => {
  expect(served.reports).toEqual([])
  await served.close()
})

const manual = () => new ManualClock(Date.now())

describe('a session', () => {
  test('ends with DELETE, its calls and streams with it', async () => {
    await serve()
    const client = await served.begin()
    const listening = await client.listen()
    const waiting = client.post(client.tool('hold', { name: 'quiet' }, { id: 'q' }))
    const streaming = await client.stream(client.tool('step then hold', { name: 'loud' }, { id: 'l', progress: true }))
    await until('both to wait', () => served.held.size === 2)
    const ended = await client.send('DELETE')
    expect([ended.status, await ended.text()]).toEqual([204, ''])
    await listening.end()
    await streaming.end()
    const answer = await waiting
    expect([answer.status, ((await answer.json()) as Message).error.code]).toEqual([404, -32001])
    expect(streaming.messages.at(-1)).toMatchObject({ id: 'l', error: { code: -32001 } })
    await until('both to be aborted', () => served.aborted.length === 2)
    expect((await client.send('DELETE')).status).toBe(404)
    expect(served.sessions.size).toBe(0)
  })

  test('of another principal, ended or never begun is unknown, byte for byte the same', async () => {
    await serve({ access: keySettings([alice, bob]) })
    const client = await served.begin({ key: alice.text })
    const gone = await served.begin({ key: bob.text })
    const { id } = gone
    await gone.send('DELETE')
    for (const method of ['POST', 'GET', 'DELETE']) {
      const answers: { status: number; headers: string; text: string }[] = []
      for (const name of [client.id, id, 'AAAAAAAAAAAAAAAAAAAAAA', 'x']) {
        const other = served.client({ key: bob.text })
        other.id = name
        const answer = await other.send(method, {}, method === 'POST' ? other.request('ping', {}, 1) : undefined)
        // Of these the one is the time, the other no two answers share.
        const headers = JSON.stringify(answer.headers.toJSON(), (header, value) =>
          header === 'date' || header === 'x-request-id' ? undefined : value,
        )
        answers.push({ status: answer.status, headers, text: await answer.text() })
      }
      expect(answers[0]!.status).toBe(404)
      for (const answer of answers) expect(answer).toEqual(answers[0]!)
    }
    expect(await client.call('whoami')).toBe('key:alice 2025-11-25')
  })

  test('of nobody in particular is no session of somebody who is', async () => {
    await serve({ access: keySettings([alice], { anonymous: alice.settings.grants }) })
    const anonymous = await served.begin()
    const known = served.client({ key: alice.text })
    known.id = anonymous.id
    expect((await known.post(known.request('ping'))).status).toBe(404)
    expect(await anonymous.call('whoami')).toBe('anonymous 2025-11-25')
  })

  test('belongs to a principal and to how that one is recognised, where many are one principal', () => {
    const onlooker = { ...LOCAL, credential: 'onlooker' }
    expect(ownerOf(onlooker)).not.toBe(ownerOf(LOCAL))
    expect(ownerOf({ ...LOCAL, id: 'key:a', credential: 'key 1' })).toBe(
      ownerOf({ ...LOCAL, id: 'key:a', credential: 'key 2' }),
    )
  })

  test('sees by the grants of each principal, and tells neither of the other', async () => {
    await serve({ access: keySettings([alice, bob]) })
    const [hers, his] = [await served.begin({ key: alice.text }), await served.begin({ key: bob.text })]
    const [listening, listeningToo] = [await hers.listen(), await his.listen()]
    const secret = 'events://topics/secret/1'
    const refused = (await (await hers.post(hers.request('resources/subscribe', { uri: secret }))).json()) as Message
    expect(refused.error.code).toBe(-32602)
    await his.post(his.request('resources/subscribe', { uri: secret }))
    await hers.post(hers.request('resources/subscribe', { uri: ONE }))
    for (const topic of ['secret/1', 'orders/1']) {
      const init = { method: 'POST', body: 'x', headers: { authorization: `Bearer ${alice.text}` } }
      expect((await served.fetch(`/events/${topic}`, init)).status).toBe(201)
    }
    await until('both to be told', () => listening.told.length > 0 && listeningToo.told.length > 0)
    expect([listening.told, listeningToo.told]).toEqual([[ONE], [secret]])
    listening.drop()
    listeningToo.drop()
  })

  test('that stays open when the server stops has its calls answered and its streams ended', async () => {
    await serve()
    const client = await served.begin()
    const listening = await client.listen()
    const waiting = client.post(client.tool('hold', { name: 'quiet' }))
    const streaming = await client.stream(client.tool('step then hold', { name: 'loud' }, { id: 'l', progress: true }))
    await until('both to wait', () => served.held.size === 2)
    await served.mcp.drain()
    await listening.end()
    await streaming.end()
    const answer = await waiting
    expect([answer.status, ((await answer.json()) as Message).error.code]).toEqual([503, -32000])
    expect(streaming.messages.at(-1)).toMatchObject({ id: 'l', error: { code: -32000 } })
    const late = await served.client().initialize()
    expect([late.status, late.headers.get('retry-after')]).toEqual([503, '2'])
  })
})

describe('sessions nobody uses', () => {
  test('are gone after their idle time, all 2,000, and what they held with them', async () => {
    const clock = manual()
    await serve({ clock, mcpLimits: { sessionIdleMs: HOUR } })
    const objects = (): number => {
      Bun.gc(true)
      return heapStats().objectCount
    }
    const used = await served.begin()
    const before = objects()
    for (let wave = 0; wave < 40; wave++) {
      const opened = Array.from({ length: 50 }, () => served.client().initialize())
      for (const answer of await Promise.all(opened)) expect(answer.status).toBe(200)
    }
    expect(served.sessions.size).toBe(2001)
    const held = objects() - before
    expect(held).toBeGreaterThan(2000 * 10)
    clock.pass(HOUR / 2)
    expect(await used.call('echo', { text: 'used' })).toBe('used')
    clock.pass(HOUR / 2 + 10_000)
    await until('the idle ones to go', () => {
      clock.pass(5000)
      return served.sessions.size === 1
    })
    await until('what they held to go', () => objects() - before < held / 20)
    expect(await used.call('echo', { text: 'still there' })).toBe('still there')
  }, 60_000)

  test('are unknown at once, though nothing has swept them yet', async () => {
    const clock = manual()
    await serve({ clock, mcpLimits: { sessionIdleMs: 1000 } })
    const client = await served.begin()
    clock.pass(1001)
    expect((await client.post(client.request('ping'))).status).toBe(404)
    expect(served.sessions.size).toBe(0)
  })

  test('are not those with a stream or a call', async () => {
    const clock = manual()
    await serve({ clock, mcpLimits: { sessionIdleMs: HOUR } })
    const listens = await served.begin()
    const stream = await listens.listen()
    const calls = await served.begin()
    const answer = calls.post(calls.tool('hold', { name: 'a' }))
    await until('it to wait', () => served.held.size === 1)
    clock.pass(2 * HOUR)
    expect(await listens.call('echo', { text: 'listening' })).toBe('listening')
    served.held.get('a')!.release()
    expect((await answer).status).toBe(200)
    stream.drop()
    await until('the stream to be seen gone', async () => {
      clock.pass(HOUR + 5000)
      await clock.yield()
      return served.sessions.size === 0
    })
  })
})

describe('too many sessions', () => {
  const opened = async (key?: string) => (await served.client(key ? { key } : {}).initialize()).status

  test('of one principal: the one that was used longest ago makes room, if nobody uses it', async () => {
    const clock = manual()
    await serve({ clock, access: keySettings([alice, bob]), mcpLimits: { sessionsPerPrincipal: 3 } })
    const mine = [await served.begin({ key: alice.text }), await served.begin({ key: alice.text })]
    const listening = await served.begin({ key: alice.text })
    const stream = await listening.listen()
    const refused = await served.client({ key: alice.text }).initialize()
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '10'])
    expect(((await refused.json()) as Message).error.code).toBe(-32000)
    expect(await opened(bob.text)).toBe(200)
    clock.pass(60_000)
    await mine[0]!.call('echo')
    expect(await opened(alice.text)).toBe(200)
    expect((await mine[1]!.post(mine[1]!.request('ping'))).status).toBe(404)
    expect(await opened(alice.text)).toBe(503)
    expect(await mine[0]!.call('echo', { text: 'kept' })).toBe('kept')
    expect(await listening.call('echo', { text: 'kept' })).toBe('kept')
    expect(served.sessions.size).toBe(4)
    stream.drop()
  })

  test('in all: nobody makes room for somebody else', async () => {
    const clock = manual()
    const others = ['carol', 'dave', 'erin'].map((name) => testKey(name, { subscribe: ['**'] }))
    await serve({ clock, access: keySettings([alice, bob, ...others]), mcpLimits: { sessions: 8 } })
    const hers = [await served.begin({ key: alice.text }), await served.begin({ key: alice.text })]
    for (const { text } of [...others, ...others]) expect(await opened(text)).toBe(200)
    clock.pass(HOUR / 2)
    expect(await opened(bob.text)).toBe(503)
    expect(await opened(alice.text)).toBe(200)
    expect((await hers[0]!.post(hers[0]!.request('ping'))).status).toBe(404)
    expect(await hers[1]!.call('echo', { text: 'kept' })).toBe('kept')
  })

  test('of one owner are a quarter of all: callers without a credential leave room for keys', async () => {
    const clock = manual()
    const access = keySettings([alice], { anonymous: bob.settings.grants })
    await serve({ clock, access, mcpLimits: { sessions: 8 } })
    const theirs = [await served.begin(), await served.begin()]
    const refused = await served.client().initialize()
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '10'])
    expect(((await refused.json()) as Message).error.message).toContain('callers without a credential')
    // A key has no more than its part either, though more may be one principal's.
    expect([await opened(alice.text), await opened(alice.text), await opened(alice.text)]).toEqual([200, 200, 503])
    clock.pass(60_000)
    expect(await opened()).toBe(200)
    expect((await theirs[0]!.post(theirs[0]!.request('ping'))).status).toBe(404)
    expect(served.sessions.size).toBe(4)
  })

  test('are as many as there may be in open mode, where there are no others', async () => {
    await serve({ mcpLimits: { sessions: 8 } })
    for (let count = 0; count < 8; count++) expect(await opened()).toBe(200)
    expect(await opened()).toBe(503)
  })

  test('do not come from refused requests', async () => {
    await serve()
    const client = served.client()
    for (const method of ['GET', 'DELETE', 'OPTIONS', 'HEAD']) await client.send(method)
    await client.post(client.request('ping'))
    await client.post([])
    await served.fetch('/sse', { headers: { accept: 'text/html' } })
    expect(served.sessions.size).toBe(0)
  })
})

describe('credentials that change', () => {
  const token = (grants: string[], endsInMs?: number) =>
    signedToken(HMAC_SECRET, { grants: { subscribe: grants, publish: ['**'] }, ...(endsInMs ? { endsInMs } : {}) })
  const withTokens = { access: keySettings([alice], { tokens: tokenSettings() }) }
  const publish = async (topic: string) => {
    const init = { method: 'POST', body: 'x', headers: { authorization: `Bearer ${alice.text}` } }
    expect((await served.fetch(`/events/${topic}`, init)).status).toBe(201)
  }
  const subscribe = async (client: SessionClient, topic: string) => {
    const answer = await client.post(client.request('resources/subscribe', { uri: `events://topics/${topic}` }))
    expect(((await answer.json()) as Message).result).toEqual({})
  }

  test('the session goes on with a new token of the same subject, and what it may not read any more is not told', async () => {
    await serve(withTokens)
    const client = await served.begin({ key: await token(['orders/**', 'plans/**']) })
    await subscribe(client, 'orders/1')
    await subscribe(client, 'plans/1')
    const before = await client.listen()
    await publish('plans/1')
    await until('the plan', () => before.told.length === 1)
    client.key = await token(['orders/**'])
    expect(await client.call('whoami')).toBe('sub:alice 2025-11-25')
    // It was opened by other grants.
    await before.end()
    const after = await client.listen('0.0')
    await publish('plans/1')
    await publish('orders/1')
    await until('the order, for having looked away and for being published', () => after.told.length > 0)
    expect(new Set(after.told)).toEqual(new Set([ONE]))
    after.drop()
  })

  test('a token of other grants does not come back for what a call with the one before said', async () => {
    await serve(withTokens)
    const wide = await token(['orders/**', 'plans/**'])
    const client = await served.begin({ key: wide })
    const stream = await client.stream(client.tool('step then hold', { name: 'a' }, { id: 'call', progress: true }))
    await until('it to wait', () => served.held.has('a') && stream.messages.length === 1)
    client.key = await token(['orders/**'])
    // Before its result, which it would be handed live.
    for (const id of ['1.0', '1.1']) {
      const answer = await client.send('GET', { 'last-event-id': id })
      expect([id, answer.status]).toEqual([id, 400])
      expect(((await answer.json()) as Message).error.message).toContain('is not kept any more')
    }
    served.held.get('a')!.release('a plan')
    await stream.end()
    expect(stream.messages.at(-1).result.content[0].text).toBe('a plan')
    expect((await client.send('GET', { 'last-event-id': '1.1' })).status).toBe(400)
    client.key = wide
    expect((await client.send('GET', { 'last-event-id': stream.lastId })).status).toBe(204)
  })

  test('a new token of the same grants goes on with everything', async () => {
    await serve(withTokens)
    const client = await served.begin({ key: await token(['orders/**'], 500_000) })
    await subscribe(client, 'orders/1')
    const stream = await client.listen()
    client.key = await token(['orders/**'], 600_000)
    await client.call('whoami')
    await until('it to be told once more', () => stream.told.length === 1)
    await publish('orders/1')
    await until('the event', () => stream.told.length === 2)
    expect(stream.ended).toBe(false)
    stream.drop()
  })

  test('a token that ends, ends the stream; the session waits for the next one', async () => {
    const clock = manual()
    const now = () => clock.now()
    await serve({ ...withTokens, clock, now })
    const client = await served.begin({ key: await token(['orders/**'], 300_000) })
    await subscribe(client, 'orders/1')
    const stream = await client.listen()
    const next = await token(['orders/**'], 3_000_000)
    await publish('orders/1')
    await until('it to be told', () => stream.told.length === 1)
    clock.pass(400_000)
    await stream.end()
    expect((await client.post(client.request('ping'))).status).toBe(401)
    client.key = next
    const again = await client.listen(stream.lastId)
    await until('it to be told of all', () => again.told.length >= 1)
    const told = again.told.length
    clock.pass(2000)
    await publish('orders/1')
    await until('the event', () => again.told.length > told)
    again.drop()
  })

  test('a key that is revoked takes its sessions with it', async () => {
    await serve({ access: keySettings([alice, bob]) })
    const client = await served.begin({ key: alice.text })
    const kept = await served.begin({ key: bob.text })
    const stream = await client.listen()
    await served.reload(keySettings([bob]))
    await stream.end()
    expect(served.sessions.size).toBe(1)
    expect(await kept.call('whoami')).toBe('key:bob 2025-11-25')
    await served.reload(keySettings([alice, bob]))
    expect((await client.post(client.request('ping'))).status).toBe(404)
  })

  test('a key that may do less after a reload is told what it is offered now', async () => {
    await serve({ access: keySettings([alice]) })
    const client = await served.begin({ key: alice.text })
    await subscribe(client, 'orders/1')
    const stream = await client.listen()
    const less = { ...alice.settings, grants: { ...bob.settings.grants, publish: [] } }
    await served.reload({ ...keySettings([]), keys: [less] })
    await stream.end()
    const again = await client.listen(stream.lastId)
    await until('the changes and the subscription', () => again.messages.length >= 3)
    expect(again.messages.map(({ method }) => method).toSorted()).toEqual([
      'notifications/resources/list_changed',
      'notifications/resources/updated',
      'notifications/tools/list_changed',
    ])
    const { tools } = ((await (await client.post(client.request('tools/list'))).json()) as Message).result
    expect(tools.map(({ name }: Message) => name)).not.toContain('publisher')
    again.drop()
  })
})
