import { describe, expect, test } from 'bun:test'
import type { CloseReason } from '../../src/core/close-reason.ts'
import { LOCAL } from '../../src/core/principal.ts'
import { Outbox } from '../../src/mcp/outbox.ts'

interface Opened {
  outbox: Outbox
  reasons: CloseReason[]
  client: AbortController
}

const limits = { maxQueueBytes: 1000, maxStallMs: 30_000, heartbeatMs: 15_000 }
const host = { limits, metrics: { messageBytes: 0 }, now: 1000 }

function opened({ endsAt, ...more }: Partial<typeof limits & { endsAt: number }> = {}): Opened {
  const reasons: CloseReason[] = []
  const client = new AbortController()
  const outbox = new Outbox(
    { ...host, limits: { ...limits, ...more } },
    {
      principal: LOCAL,
      address: '',
      signal: client.signal,
      endsAt: endsAt ?? Number.POSITIVE_INFINITY,
      cut: () => {},
      ended: (reason) => reasons.push(reason),
    },
  )
  return { outbox, reasons, client }
}

async function text(outbox: Outbox): Promise<string | undefined> {
  const { value } = await outbox.next()
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : undefined
}

describe('an outbox', () => {
  test('hands out what waits as one chunk, in order', async () => {
    const { outbox } = opened()
    const before = host.metrics.messageBytes
    for (const frame of ['a', 'b', 'c']) outbox.push(frame)
    expect(await text(outbox)).toBe('abc')
    expect(host.metrics.messageBytes).toBe(before + 3)
  })

  test('wakes a reader that waits', async () => {
    const { outbox } = opened()
    const waiting = text(outbox)
    outbox.push('late')
    expect(await waiting).toBe('late')
  })

  test('cuts off a reader that is more bytes behind than it may be, and drops what waited', async () => {
    const { outbox, reasons } = opened()
    expect(outbox.push('x'.repeat(999))).toBe(true)
    expect(outbox.push('x')).toBe(true)
    expect(outbox.push('x')).toBe(false)
    expect(reasons).toEqual(['slow-consumer'])
    expect(outbox.queuedBytes).toBe(0)
    expect(await outbox.next()).toEqual({ done: true, value: undefined })
  })

  test('lets one message in that is larger than all its room, also behind others', async () => {
    const { outbox, reasons } = opened()
    expect(outbox.push('progress')).toBe(true)
    expect(outbox.push('x'.repeat(5000))).toBe(true)
    expect((await text(outbox))?.length).toBe(5008)
    expect(reasons).toEqual([])
  })

  test('hands a socket at most 256 KiB at once, except of one message that is larger', async () => {
    const { outbox } = opened({ maxQueueBytes: 10_000_000 })
    for (let frame = 0; frame < 5; frame++) outbox.push('x'.repeat(100 * 1024))
    expect((await text(outbox))?.length).toBe(200 * 1024)
    expect((await text(outbox))?.length).toBe(200 * 1024)
    expect((await text(outbox))?.length).toBe(100 * 1024)
  })

  test('closes a reader that has something in hand and takes nothing for the stall time', async () => {
    const { outbox, reasons } = opened()
    outbox.push('first')
    await outbox.next()
    outbox.sweep(host.now + 30_000)
    expect(reasons).toEqual([])
    outbox.sweep(host.now + 30_001)
    expect(reasons).toEqual(['slow-consumer'])
  })

  test('says something after a quiet time, and nothing to a reader that has not taken the last', async () => {
    const { outbox } = opened()
    outbox.sweep(host.now + 14_999)
    expect(outbox.queuedBytes).toBe(0)
    outbox.sweep(host.now + 15_000)
    outbox.sweep(host.now + 15_001)
    expect(await text(outbox)).toBe(': \n\n')
  })

  test('ends with the credential', () => {
    const { outbox, reasons } = opened({ endsAt: 5000 })
    outbox.sweep(5000)
    outbox.sweep(5001)
    expect(reasons).toEqual(['credential-expired'])
  })

  test('ends when the client goes, also one that was gone before', async () => {
    const { outbox, reasons, client } = opened()
    client.abort()
    expect(reasons).toEqual(['client-gone'])
    expect(outbox.push('nobody')).toBe(false)
    const gone = AbortSignal.abort()
    const options = { principal: LOCAL, address: '', signal: gone, endsAt: 9e9, cut: () => {} }
    const late = new Outbox(host, { ...options, ended: (reason) => reasons.push(reason) })
    expect(late.open).toBe(false)
    expect(reasons).toEqual(['client-gone', 'client-gone'])
  })

  test('that finishes still hands out what waits, and then ends', async () => {
    const { outbox, reasons } = opened()
    outbox.push('last words')
    outbox.finish('shutdown')
    expect(outbox.push('too late')).toBe(false)
    expect(await text(outbox)).toBe('last words')
    expect(await outbox.next()).toEqual({ done: true, value: undefined })
    expect(reasons).toEqual(['shutdown'])
  })

  test('is told of its end once, whatever comes after', async () => {
    const { outbox, reasons } = opened()
    outbox.finish('shutdown')
    outbox.close('internal')
    await outbox.return()
    expect(reasons).toEqual(['shutdown'])
  })

  test('has room for those who can wait while less than half of it is taken, and tells them when it has again', async () => {
    const { outbox } = opened()
    expect(outbox.room()).toBeUndefined()
    outbox.push('x'.repeat(499))
    expect(outbox.room()).toBeUndefined()
    outbox.push('x')
    let told = 0
    const waiting = [outbox.room()!, outbox.room()!].map((room) => room.then(() => told++))
    // Those who cannot wait have the other half.
    expect(outbox.push('x')).toBe(true)
    expect(told).toBe(0)
    await outbox.next()
    await Promise.all(waiting)
    expect([told, outbox.room()]).toEqual([2, undefined])
  })

  test('tells those who wait for room when it ends, since nothing more is written anyway', async () => {
    for (const end of ['finish', 'close', 'hang up'] as const) {
      const { outbox, client } = opened()
      outbox.push('x'.repeat(600))
      const waiting = outbox.room()
      expect(waiting).toBeDefined()
      if (end === 'finish') outbox.finish()
      else if (end === 'close') outbox.close('slow-consumer')
      else client.abort()
      await waiting
      expect(outbox.room()).toBeUndefined()
    }
  })
})
