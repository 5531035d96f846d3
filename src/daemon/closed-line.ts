import type { ClosedStream } from '../core/closed-stream.ts'

/** `closed con_1a2b (sse, key:ci): slow-consumer after 12.3 s, 120 events, 45678 bytes` */
export function closedLine({ id, kind, principal, reason, ms, events, bytes }: ClosedStream): string {
  const written = kind === 'mcp' ? '' : `, ${bytes} bytes`
  return `closed ${id} (${kind}, ${principal}): ${reason} after ${(ms / 1000).toFixed(1)} s, ${events} events${written}`
}
