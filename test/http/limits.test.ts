import { describe, expect, test } from 'bun:test'
import { PublishRate } from '../../src/auth/publish-rate.ts'
import { bearer, keySettings } from '../support/access.ts'
import { Follower } from '../support/follower.ts'
import { reader, writer } from '../support/granted-hub.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { expectProblem } from '../support/problem.ts'
import { type ServedHub, servedHub } from '../support/served-hub.ts'

const follow = (at: ServedHub, path: string, headers: Record<string, string> = {}) =>
  Follower.open(at.url + path, { headers })

describe('limits', () => {
  test('of a principal and of an address are said in a stream that ends, and in no other way', async () => {
    const at = await servedHub({
      access: keySettings([reader, writer]),
      limits: { connectionsPerPrincipal: 2, connectionsPerAddress: 3 },
    })
    const from = (address: string) => ({ ...bearer(reader.text), 'x-forwarded-for': address })
    const first = await follow(at, '/events', from('203.0.113.1'))
    const second = await follow(at, '/events', from('203.0.113.1'))
    await Promise.all([first.first('$open'), second.first('$open')])
    const third = await follow(at, '/events', from('203.0.113.2'))
    expect(JSON.parse((await third.first('$closing')).data)).toMatchObject({
      reason: 'too-many-of-principal',
      reconnect: true,
    })
    await third.over()
    expect(third.messages).toHaveLength(1)
    expect((await at.fetch('/events?format=json', { headers: from('203.0.113.1') })).status).toBe(200)
    first.stop()
    second.stop()
    await at.close()

    const open = await servedHub({
      limits: { connectionsPerAddress: 1 },
      access: { open: true, trustedProxies: ['127.0.0.1'] },
    })
    const one = await follow(open, '/events', { 'x-forwarded-for': '2001:db8:1:2::1' })
    await one.first('$open')
    const neighbour = await follow(open, '/events', { 'x-forwarded-for': '2001:db8:1:2::2' })
    expect(JSON.parse((await neighbour.first('$closing')).data)).toMatchObject({ reason: 'too-many-of-address' })
    for (const address of ['2001:db8:1:3::1', '127.0.0.1']) {
      const other = await follow(open, '/events', { 'x-forwarded-for': address })
      await other.first('$open')
      other.stop()
    }
    one.stop()
    await open.close()
  })

  test('of publishing refuse before the body is read, and a batch that is too large takes nothing', async () => {
    const clock = new ManualClock()
    const at = await servedHub({
      access: keySettings([writer]),
      publishRate: new PublishRate({ perSecond: 1, now: () => clock.monotonic() }),
    })
    const publish = (body: string, path = '/events') =>
      at.fetch(path, { method: 'POST', body, headers: { ...bearer(writer.text), 'content-type': 'application/json' } })
    const batch = (count: number) =>
      JSON.stringify(Array.from({ length: count }, () => ({ topic: 'orders/1', data: 1 })))
    expect((await publish(batch(3))).status).toBe(201)
    await expectProblem(await publish(batch(3)), 429, 'rate-limited')
    expect((await publish(batch(2))).status).toBe(201)
    const before = at.log.head
    // Not JSON, but nobody looks.
    const refused = await publish('{')
    expect(refused.headers.get('retry-after')).toBe('1')
    await expectProblem(refused, 429, 'rate-limited')
    await expectProblem(await publish('x', '/events/orders/1'), 429, 'rate-limited')
    expect(at.log.head).toBe(before)
    clock.pass(5000)
    await expectProblem(await publish(batch(6)), 413, 'batch-too-large')
    expect((await publish(batch(5))).status).toBe(201)
    expect(at.refused.some((line) => line.startsWith('refused rate-limited: POST /events by key:writer'))).toBe(true)
    await at.close()
  })
})
