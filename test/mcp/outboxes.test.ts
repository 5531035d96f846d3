import { expect, test } from 'bun:test'
import type { CloseReason } from '../../src/core/close-reason.ts'
import { Outboxes } from '../../src/mcp/outboxes.ts'
import { byLocal } from '../support/by-local.ts'
import { memoryHub } from '../support/hub.ts'
import { ManualClock } from '../support/manual-clock.ts'

test('a stream for a client that has gone already ends at once, and keeps no place', async () => {
  const { hub, close } = await memoryHub({ connections: 1 })
  const limits = { maxQueueBytes: 1000, maxStallMs: 1000, heartbeatMs: 1000 }
  const outboxes = new Outboxes({ hub, clock: new ManualClock(), limits })
  const request = new Request('http://127.0.0.1/mcp', { signal: AbortSignal.abort() })
  const reasons: CloseReason[] = []
  const exchange = { ...byLocal, request, body: undefined, cut: () => {} }
  expect(outboxes.open(exchange, true, (reason) => reasons.push(reason)).open).toBe(false)
  expect(reasons).toEqual(['client-gone'])
  expect([outboxes.size, hub.admission.refusal(byLocal)]).toEqual([0, undefined])
  outboxes.close()
  await close()
})
