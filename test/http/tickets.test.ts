import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { bearer, keySettings } from '../support/access.ts'
import { Follower } from '../support/follower.ts'
import { grantedHub, grantedKeys, reader } from '../support/granted-hub.ts'
import { issuedTicket } from '../support/issued-ticket.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { expectProblem } from '../support/problem.ts'
import { expectSecret } from '../support/secrets.ts'
import { type ServedHub, servedHub } from '../support/served-hub.ts'

let served: ServedHub
beforeAll(async () => {
  served = await grantedHub()
})
afterAll(() => served.close())

describe('a ticket', () => {
  test('opens the url it comes with, as its sub, and its stream ends in words when it does', async () => {
    const clock = new ManualClock()
    const at = await grantedHub({ clock, now: () => clock.now() })
    const made = await issuedTicket(at, reader.text, { topics: ['orders/1'], sub: 'carol', ttl: '2s' })
    expect(made.url).toBe(`${at.url}/events?ticket=${made.ticket}`)
    const own = await Follower.open(made.url)
    expect(JSON.parse((await own.first('$open')).data)).toMatchObject({ principal: 'sub:carol', topics: ['orders/1'] })
    clock.pass(2_001)
    await own.over()
    expect(own.messages.slice(-2).map(({ event, id }) => [event, id])).toEqual([
      ['$error', undefined],
      ['$closing', undefined],
    ])
    expect(JSON.parse(own.messages.at(-2)!.data)).toMatchObject({ code: 'credential-expired' })
    expect(JSON.parse(own.messages.at(-1)!.data)).toMatchObject({ reason: 'credential-expired', reconnect: false })
    await expectProblem(await fetch(made.url), 401, 'credential-expired')
    await at.close()
  })

  test('is for its own topics: another one with it is refused', async () => {
    const { ticket } = await issuedTicket(served, reader.text, { topics: ['orders/1'], sub: 'bob' })
    await expectProblem(await served.fetch(`/events/orders/2?ticket=${ticket}`), 403, 'forbidden', '/topic')
  })

  test('of open mode is what it says, also from a page elsewhere', async () => {
    const open = await servedHub()
    const response = expectSecret(await open.fetch('/tickets', { method: 'POST', body: '{"topics":["orders/*"]}' }))
    const { ticket: own } = (await response.json()) as { ticket: string }
    const origin = 'https://evil.example'
    const read = await open.fetch(`/events/orders/1?format=json&ticket=${own}`, { headers: { origin } })
    expect([read.status, read.headers.get('access-control-allow-origin')]).toEqual([200, '*'])
    await expectProblem(
      await open.fetch(`/events/secret/1?ticket=${own}`, { headers: { origin } }),
      403,
      'forbidden',
      '/topic',
    )
    await expectProblem(await open.fetch('/events?ticket=x', { headers: { origin } }), 401, 'credential-invalid')
    await open.close()
  })

  test.each([
    ['{"topic":["a"]}', 'invalid-body', undefined],
    ['{"topics":"orders/1"}', 'invalid-body', '/topics'],
    ['{"topics":[]}', 'invalid-body', '/topics'],
    ['{"types":[1]}', 'invalid-body', '/types'],
    ['{"sub":7}', 'invalid-body', '/sub'],
    ['{"sub":"a\\nb"}', 'invalid-body', '/sub'],
    ['{"ttl":"soon"}', 'invalid-body', '/ttl'],
    ['{"ttl":0}', 'invalid-body', '/ttl'],
    ['{"ttl":1e999}', 'invalid-body', '/ttl'],
    ['{"ttl":"13h"}', 'invalid-body', '/ttl'],
    ['{"topics":["a*"]}', 'invalid-pattern', '/topics'],
    ['[]', 'invalid-body', undefined],
    ['{', 'invalid-json', undefined],
    ['[[[[[[]]]]]]', 'invalid-json', undefined],
  ] as const)('is not made of %s', async (body, code, pointer) => {
    const response = await served.fetch('/tickets', { method: 'POST', body, headers: bearer(reader.text) })
    await expectProblem(response, 400, code, pointer)
  })

  test('that was misspelt is told the name', async () => {
    const response = await served.fetch('/tickets', {
      method: 'POST',
      body: '{"topcs":[]}',
      headers: bearer(reader.text),
    })
    expect((await expectProblem(response, 400, 'invalid-body')).detail).toContain('Did you mean "topics"?')
  })

  test('names public_url where one is set, and else the scheme the page came by', async () => {
    const at = await servedHub({ access: keySettings(grantedKeys, { publicUrl: 'https://events.example' }) })
    const urlFor = async (hub: ServedHub, more: Record<string, string> = {}) => {
      const response = await hub.fetch('/tickets', { method: 'POST', headers: { ...bearer(reader.text), ...more } })
      return ((await expectSecret(response).json()) as { url: string }).url.split('?')[0]
    }
    expect(await urlFor(at)).toBe('https://events.example/events')
    expect(await urlFor(served, { host: 'a.example', origin: 'https://a.example' })).toBe('https://a.example/events')
    await at.close()
  })
})
