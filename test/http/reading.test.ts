import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { bearer } from '../support/access.ts'
import { Follower } from '../support/follower.ts'
import { admin, grantedHub, reader, typed } from '../support/granted-hub.ts'
import { draft } from '../support/hub.ts'
import { expectProblem } from '../support/problem.ts'
import type { ServedHub } from '../support/served-hub.ts'

let served: ServedHub
beforeAll(async () => {
  served = await grantedHub()
})
afterAll(() => served.close())

const follow = (path: string, headers: Record<string, string> = {}) => Follower.open(served.url + path, { headers })

describe('a stream', () => {
  test('is narrowed to what may be read and says to what, and to whom', async () => {
    const own = await follow('/events?topic=**&type=order.paid&type=note', bearer(typed.text))
    expect(JSON.parse((await own.first('$open')).data)).toMatchObject({
      topics: ['orders/**'],
      types: ['order.paid'],
      principal: 'key:typed',
    })
    await served.hub.publish([
      draft('secret/1', 'hidden', { type: 'order.paid' }),
      draft('orders/1', 'hidden', { type: 'note' }),
      draft('orders/1', 'shown', { type: 'order.paid' }),
    ])
    expect((await own.first('order.paid')).data).toBe('shown')
    expect(own.messages.some(({ data }) => data.includes('hidden'))).toBe(false)
    own.stop()
  })

  test('cross-principal replay: a Last-Event-ID of another reader replays nothing one may not read', async () => {
    const first = served.hub.cursor(served.log.oldest - 1)
    for (const shown of [{ 'last-event-id': first }, undefined]) {
      const query = shown ? '' : `?since=${first}`
      const own = await follow(`/events${query}`, { ...bearer(typed.text), ...shown })
      await own.first('order.paid')
      expect(own.messages.filter(({ data }) => data.includes('secret') || data.includes('note'))).toEqual([])
      own.stop()
    }
    const page = await served.fetch('/events?format=json&since=earliest&limit=1000', { headers: bearer(typed.text) })
    const { events } = (await page.json()) as { events: { topic: string; type: string }[] }
    expect(new Set(events.map(({ topic, type }) => `${topic.split('/')[0]} ${type}`))).toEqual(
      new Set(['orders order.paid']),
    )
  })

  test('readers with other rights share no bytes: not the audience, not a frame (CVE-2026-39972)', async () => {
    const [one, two] = await Promise.all([
      follow('/events', bearer(reader.text)),
      follow('/events', bearer(admin.text)),
    ])
    await Promise.all([one.first('$open'), two.first('$open')])
    await served.hub.publish([
      draft('secret/1', 'for admin', { type: 'both' }),
      draft('orders/1', 'for both', { type: 'both' }),
    ])
    expect((await one.first('both')).data).toBe('for both')
    expect((await two.first('both')).data).toBe('for admin')
    one.stop()
    two.stop()
  })

  test('a refusal says the same of a topic that exists and of one that does not', async () => {
    const detail = async (topic: string) =>
      (
        await expectProblem(
          await served.fetch(`/events/${topic}`, { headers: bearer(reader.text) }),
          403,
          'forbidden',
          '/topic',
        )
      ).detail
    expect(await detail('secret/1')).toBe(await detail('secret/none'))
  })
})

describe('/topics', () => {
  test('never names a topic outside the grants, in no page and no token', async () => {
    const names: string[] = []
    let next: string | undefined = ''
    await served.hub.publish([draft('orders/zz', 'x'), draft('orders/0', 'x'), draft('orders/9', 'x')])
    while (next !== undefined) {
      const response = await served.fetch(`/topics?limit=1${next && `&page=${next}`}`, { headers: bearer(reader.text) })
      const page = (await response.json()) as { topics: { topic: string }[]; next?: string }
      names.push(...page.topics.map(({ topic }) => topic))
      next = page.next
      if (next) expect(Buffer.from(next, 'base64url').toString('latin1')).not.toMatch(/orders|secret/)
    }
    expect(names.length).toBeGreaterThan(3)
    expect(names.filter((name) => !name.startsWith('orders/'))).toEqual([])
    for (const pattern of ['secret/**', 'secret/1'])
      await expectProblem(
        await served.fetch(`/topics?pattern=${pattern}`, { headers: bearer(reader.text) }),
        403,
        'forbidden',
        '/pattern',
      )
  })

  test('counts all types, so who may read some types only gets no list', async () => {
    await expectProblem(await served.fetch('/topics', { headers: bearer(typed.text) }), 403, 'forbidden')
  })
})
