import type { ClosedStream } from '../core/closed-stream.ts'
import type { LogFields } from './log-lines.ts'

/** `closed con_1a2b (sse, key:ci): slow-consumer after 12.3 s, 120 events, 45678 bytes` */
export function closedLine({ id, kind, principal, reason, ms, events, bytes }: ClosedStream): string {
  const written = kind === 'mcp' ? '' : `, ${bytes} bytes`
  return `closed ${id} (${kind}, ${principal}): ${reason} after ${seconds(ms)} s, ${events} events${written}`
}

/** The same for programs. */
export function closedFields({ id, kind, principal, reason, ms, events, bytes }: ClosedStream): LogFields {
  return {
    about: 'stream-closed',
    connection: id,
    kind,
    principal,
    reason,
    seconds: Number(seconds(ms)),
    events,
    bytes: kind === 'mcp' ? undefined : bytes,
  }
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1)
}
