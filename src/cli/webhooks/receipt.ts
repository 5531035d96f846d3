import { oneLine } from '../../core/one-line.ts'
import { parseExact } from '../client/exact-json.ts'
import { plain, shortTime } from '../display.ts'

/** One POST that was received, and what became of it. */
export interface Receipt {
  /** When it came, RFC 3339. */
  time: string
  /** Of the answer. */
  status: number
  /** Why its signature is not verified; `undefined`: it is. */
  fault: string | undefined
  /** `webhook-id` */
  id: string | null
  /** `X-MCP-Subscription-Id` */
  subscription: string | null
  body: string
}

/** As much of the data as a line has room for. */
const MOST_SHOWN = 160

/** For a person: `2026-11-22 12:00:00Z  204 verified  evt_k3f9a2b7_1042  order.paid  {"total":99}` */
export function receiptLine({ time, status, fault, id, body }: Receipt): string {
  const verdict = fault === undefined ? 'verified' : `not verified (${fault})`
  const { name, shown } = contentOf(body)
  const cells = [shortTime(time), `${status} ${verdict}`, id ?? '-', name, clipped(shown)]
  return `${cells
    .filter((cell) => cell !== '')
    .map(plain)
    .join('  ')}\n`
}

/** For a program: one JSON object a line, `body` as it came if it is JSON and as text if not. */
export function receiptJson({ time, status, fault, id, subscription, body }: Receipt): string {
  const head = JSON.stringify({ time, status, verified: fault === undefined, fault: fault ?? null, id, subscription })
  const json = parsed(body) === undefined ? JSON.stringify(body) : oneLine(body)
  return `${head.slice(0, -1)},"body":${json}}\n`
}

/** The nonce of a body that asks whether this receiver wants what will be sent. */
export function challengeOf(body: string): string | undefined {
  const value = parsed(body)
  if (typeof value !== 'object' || value === null) return undefined
  const { type, challenge } = value as Record<string, unknown>
  return type === 'verification' && typeof challenge === 'string' ? challenge : undefined
}

interface Content {
  /** Of the event; empty for a body that is none. */
  name: string
  shown: string
}

/** An occurrence of MCP Events, an event as a forward sends it, a control body, or anything else. */
function contentOf(body: string): Content {
  const value = parsed(body)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { name: '', shown: body }
  const { name, topic, type, data, ...rest } = value as Record<string, unknown>
  if (typeof name === 'string' && data !== undefined) return { name, shown: text(data) }
  if (typeof topic === 'string' && typeof type === 'string') return { name: `${topic}  ${type}`, shown: text(data) }
  if (typeof type === 'string' && data === undefined) return { name: type, shown: text(rest) }
  return { name: '', shown: body }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
}

function clipped(shown: string): string {
  return shown.length > MOST_SHOWN ? `${shown.slice(0, MOST_SHOWN)}…` : shown
}

function parsed(body: string): unknown {
  try {
    return parseExact(body)
  } catch {
    // Not JSON, or deeper than the parser goes: text, which is one of the two answers here.
    return undefined
  }
}
