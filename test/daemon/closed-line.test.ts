import { expect, test } from 'bun:test'
import type { ClosedStream } from '../../src/core/closed-stream.ts'
import { closedFields, closedLine } from '../../src/daemon/closed-line.ts'

const stream: ClosedStream = {
  id: 'con_1',
  kind: 'sse',
  principal: 'key:ci',
  reason: 'slow-consumer',
  ms: 12_345,
  events: 120,
  bytes: 45_678,
}

test('one line says which stream, whose, why, how long and how much; what MCP wrote is not known', () => {
  expect(closedLine(stream)).toBe('closed con_1 (sse, key:ci): slow-consumer after 12.3 s, 120 events, 45678 bytes')
  expect(closedLine({ ...stream, kind: 'mcp', bytes: 0 })).toBe(
    'closed con_1 (mcp, key:ci): slow-consumer after 12.3 s, 120 events',
  )
})

test('a program reads the same, in numbers', () => {
  const fields = { about: 'stream-closed', connection: 'con_1', kind: 'sse', principal: 'key:ci' } as const
  expect(closedFields(stream)).toEqual({
    ...fields,
    reason: 'slow-consumer',
    seconds: 12.3,
    events: 120,
    bytes: 45_678,
  })
  expect(closedFields({ ...stream, kind: 'mcp', bytes: 0 }).bytes).toBeUndefined()
})
