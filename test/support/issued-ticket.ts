import { expect } from 'bun:test'
import { bearer } from './access.ts'
import { expectSecret } from './secrets.ts'
import type { ServedHub } from './served-hub.ts'

export interface IssuedTicket {
  ticket: string
  url: string
  expires: string
}

/** What `POST /tickets` answers who has this key or token. */
export async function issuedTicket(served: ServedHub, text: string, wanted: object): Promise<IssuedTicket> {
  const response = expectSecret(
    await served.fetch('/tickets', { method: 'POST', body: JSON.stringify(wanted), headers: bearer(text) }),
  )
  expect(response.status).toBe(201)
  expect(response.headers.get('cache-control')).toBe('no-store')
  return (await response.json()) as IssuedTicket
}
