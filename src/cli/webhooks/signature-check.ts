import { timingSafeEqual } from 'node:crypto'
import { signatureHeaders } from '../../webhooks/secret/signature.ts'

/** What receivers of Standard Webhooks allow: older is a replay. */
const TOLERANCE_MS = 5 * 60_000

/** @returns why it is not of `key`'s owner; `undefined`: it is. @param now milliseconds of the wall clock */
export function signatureFault(headers: Headers, body: string, key: Uint8Array, now: number): string | undefined {
  const id = headers.get('webhook-id')
  const time = headers.get('webhook-timestamp')
  const signatures = headers.get('webhook-signature')
  if (id === null || time === null || signatures === null) return 'not signed'
  const signed = /^\d{1,12}$/.test(time) ? Number(time) * 1000 : Number.NaN
  const expected = signatureHeaders({ id, body, keys: [key], now: signed })['webhook-signature'] ?? ''
  // Whoever turns secrets signs with the new and the old one; versions that are not known here are passed over.
  if (!signatures.split(' ').some((signature) => same(signature, expected))) return 'signed with another secret'
  return Math.abs(now - signed) <= TOLERANCE_MS ? undefined : 'signed at another time: look at the clocks'
}

function same(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.byteLength === right.byteLength && timingSafeEqual(left, right)
}
