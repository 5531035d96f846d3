import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { bearer } from '../support/access.ts'
import { admin, grantedHub } from '../support/granted-hub.ts'
import { expectSecret } from '../support/secrets.ts'
import type { ServedHub } from '../support/served-hub.ts'

let served: ServedHub
beforeAll(async () => {
  served = await grantedHub()
})
afterAll(() => served.close())

describe('a newline forges nothing', () => {
  test.each(['\n', '\r', '\r\n', '\u2028', '\0'])('in topic, type, id or header: %p', async (newline) => {
    const bad = `a${newline}event: x`
    for (const field of ['topic', 'type', 'id', 'time']) {
      const body = JSON.stringify({ topic: 'orders/1', data: 1, [field]: bad })
      const response = await served.fetch('/events', {
        method: 'POST',
        body,
        headers: { ...bearer(admin.text), 'content-type': 'application/json' },
      })
      // A line separator of Unicode ends no line of an event stream.
      if (field === 'id' && newline === '\u2028') continue
      expect(response.status).toBe(400)
    }
    for (const path of [`/events/${encodeURIComponent(bad)}`, `/events/a?type=${encodeURIComponent(bad)}`])
      expect((await served.fetch(path, { method: 'POST', body: 'x', headers: bearer(admin.text) })).status).toBe(400)
    const sub = await served.fetch('/tickets', {
      method: 'POST',
      body: JSON.stringify({ sub: bad }),
      headers: bearer(admin.text),
    })
    expect(expectSecret(sub).status).toBe(newline === '\u2028' ? sub.status : 400)
  })
})
