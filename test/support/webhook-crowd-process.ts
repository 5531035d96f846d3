import { createHmac } from 'node:crypto'
import { freePort } from './port.ts'

/**
 * A program: `webhook-crowd-process.ts KIND,… [SECRET]`. A receiver for each kind on a port of its own, each event known
 * there by the number `n` in its data. The first line it prints are the ports. Then it reads lines: `close INDEX` closes
 * one, `counts` prints `CrowdCounts`, `report` prints `CrowdReport`.
 */

/** flaky: every other attempt of those that come is a 500, at random. slow: after two seconds. */
export type CrowdKind = 'healthy' | 'slow' | 'flaky'

/** By receiver. */
export interface CrowdCounts {
  taken: number[]
  attempts: number[]
  /** Of all, those that are not answered yet. */
  answering: number
}

/** Milliseconds since 1970, with fractions. */
export interface CrowdReport {
  /** By receiver: `[n, when it was taken first]`. */
  taken: [number, number][][]
  /** By receiver: `[n, when it was taken first]` of each that came again although it had been taken. */
  again: [number, number][][]
  /** Signatures that are none. */
  unsigned: number
}

const SLOW_MS = 2000

interface Book {
  /** When each was taken first. */
  taken: Map<number, number>
  again: [number, number][]
  attempts: number
}

if (import.meta.main) {
  const [kinds = '', secret] = process.argv.slice(2)
  const key = secret === undefined ? undefined : Buffer.from(secret.slice(6), 'base64')
  const clock = (): number => performance.timeOrigin + performance.now()
  let unsigned = 0
  let answering = 0

  const isSigned = ({ headers }: Request, body: string): boolean => {
    if (!key) return true
    const signed = `${headers.get('webhook-id')}.${headers.get('webhook-timestamp')}.${body}`
    return headers.get('webhook-signature') === `v1,${createHmac('sha256', key).update(signed).digest('base64')}`
  }

  const crowd = (kinds.split(',') as CrowdKind[]).map((kind) => {
    const book: Book = { taken: new Map(), again: [], attempts: 0 }
    const take = (n: number): Response => {
      const before = book.taken.get(n)
      if (before === undefined) book.taken.set(n, clock())
      else book.again.push([n, before])
      return new Response(null, { status: 204 })
    }
    const server = Bun.serve({
      port: freePort(),
      hostname: '127.0.0.1',
      fetch: async (request) => {
        const body = await request.text()
        const { type, challenge, data } = JSON.parse(body)
        if (type === 'verification') return Response.json({ challenge })
        if (type !== undefined) return new Response(null, { status: 204 })
        if (!isSigned(request, body)) unsigned++
        book.attempts++
        if (kind === 'flaky' && Math.random() < 0.5) return new Response(null, { status: 500 })
        if (kind === 'slow') {
          answering++
          await Bun.sleep(SLOW_MS)
          answering--
        }
        return take(data.data.n)
      },
    })
    return { book, server }
  })
  console.log(JSON.stringify(crowd.map(({ server }) => server.port)))

  for await (const line of console) {
    const [verb, index] = line.split(' ')
    if (verb === 'close') {
      await crowd[Number(index)]!.server.stop(true)
      console.log('closed')
    }
    if (verb === 'counts') {
      const taken = crowd.map(({ book }) => book.taken.size)
      const attempts = crowd.map(({ book }) => book.attempts)
      console.log(JSON.stringify({ taken, attempts, answering } satisfies CrowdCounts))
    }
    if (verb === 'report') {
      const taken = crowd.map(({ book }) => [...book.taken])
      const again = crowd.map(({ book }) => book.again)
      console.log(JSON.stringify({ taken, again, unsigned } satisfies CrowdReport))
    }
  }
  process.exit(0)
}
