import { afterEach, describe, expect, test } from 'bun:test'
import { parseFilter } from '../../../src/core/filter.ts'
import { type CatalogueHub, catalogueHub, principalWith, refusalText, structured } from '../../support/catalogue-hub.ts'
import { draft } from '../../support/hub.ts'
import { ManualClock } from '../../support/manual-clock.ts'

let served: CatalogueHub
afterEach(() => served.close())

const publish = (input: Record<string, unknown>) => ({ name: 'publish_event', arguments: input })

describe('publish_event', () => {
  test('stores an event that readers get with the cursor it answered', async () => {
    served = await catalogueHub()
    const client = await served.client()
    const event = { topic: 'orders/42', type: 'order.paid', data: { total: 99 }, id: 'a', time: '2026-11-22T12:00:00Z' }
    const published = structured(await client.callTool(publish(event)))
    expect(published).toEqual({
      id: 'a',
      cursor: served.hub.cursor(1),
      topic: 'orders/42',
      type: 'order.paid',
      time: '2026-11-22T12:00:00Z',
      duplicate: false,
    })
    const [stored] = (await served.log.read(0, parseFilter([], []), { events: 9, bytes: 1e6 })).events
    expect([stored!.data, stored!.isText]).toEqual(['{"total":99}', false])
  })

  test('with an id stores a repeated event once, and refuses other content by the id alone', async () => {
    served = await catalogueHub()
    const client = await served.client()
    const first = structured(await client.callTool(publish({ topic: 'a', data: 'x', id: '1' })))
    const again = structured(await client.callTool(publish({ topic: 'a', data: 'x', id: '1' })))
    expect(again).toEqual({ ...first, duplicate: true })
    const other = (await client.callTool(publish({ topic: 'a', data: 'y', id: '1' }))) as never
    expect(refusalText(other)).toEndWith('[id-conflict at /id]')
    expect(served.log.head).toBe(1)
  })

  test('takes data that nests 64 deep, and refuses data that nests deeper as POST /events does', async () => {
    served = await catalogueHub()
    const client = await served.client()
    const nested = (depth: number) => JSON.parse('['.repeat(depth) + ']'.repeat(depth))
    structured(await client.callTool(publish({ topic: 'a', data: nested(64) })))
    const refused = (await client.callTool(publish({ topic: 'a', data: nested(65) }))) as never
    expect(refusalText(refused)).toBe('JSON nests at most 64 deep; flatten it. [invalid-json at /data]')
    structured(await client.callTool(publish({ topic: 'a', data: '['.repeat(200) })))
    expect(served.log.head).toBe(2)
  })

  test('is refused outside the grants before anything else is looked at, and takes nothing from the rate', async () => {
    served = await catalogueHub({ clock: new ManualClock(), publishRate: 1 })
    const client = await served.client(principalWith('writer', { publish: ['orders/**'] }))
    for (let number = 0; number < 20; number++) {
      const refused = (await client.callTool(publish({ topic: 'secret', data: 1, type: 'error' }))) as never
      expect(refusalText(refused)).toContain('may not publish to this topic; it may publish orders/**')
    }
    for (let number = 0; number < 5; number++)
      structured(await client.callTool(publish({ topic: 'orders/1', data: 1 })))
    const tooFast = (await client.callTool(publish({ topic: 'orders/1', data: 1 }))) as never
    expect(refusalText(tooFast)).toMatch(/faster than 1 events a second.* Wait 1 s before\. \[rate-limited\]$/)
    expect(served.log.head).toBe(5)
  })

  test('is refused while more waits for the disk than there is room for, and while the hub stops', async () => {
    served = await catalogueHub({ limits: { pendingEvents: 1 } })
    const client = await served.client()
    const waiting = served.hub.publish([draft('a', 'x')])
    const refused = client.callTool(publish({ topic: 'a', data: 1 }))
    expect(refusalText((await refused) as never)).toContain('[overloaded]')
    await waiting
    served.hub.admission.refuseNew()
    expect(refusalText((await client.callTool(publish({ topic: 'a', data: 1 }))) as never)).toContain('[draining]')
  })
})
