import { PROTOCOL_VERSION_META_KEY } from '@modelcontextprotocol/server'
import { STATELESS } from '../../asking.ts'

/**
 * Whether a message carries the envelope of the versions without sessions. What does is never of an earlier era, but for
 * `initialize`; the SDK's `isLegacyRequest` says the same after checking the whole message, which its handler then does
 * once more. For what is `false` here that one has to be asked.
 */
export function claimsStateless(body: unknown): boolean {
  return carriesVersion(body) && body.method !== 'initialize'
}

/**
 * Whether a message is one of a session without doubt: it names one, claims nothing of the version without sessions, and
 * neither do its headers. The SDK comes to the same after parsing the whole message, which the session then does once more
 * (measured: 8 % of a call). Of what is `false` here it has to be asked. A version that nobody speaks is the session's to
 * refuse, by the names of those it does.
 */
export function namesSession({ headers }: Request, body: unknown): boolean {
  if (Array.isArray(body) || carriesVersion(body) || !headers.has('mcp-session-id')) return false
  return headers.get('mcp-protocol-version') !== STATELESS
}

function carriesVersion(body: unknown): body is { method: string } {
  if (typeof body !== 'object' || body === null || !('method' in body) || !('params' in body)) return false
  const { method, params } = body
  if (typeof method !== 'string' || typeof params !== 'object' || params === null || !('_meta' in params)) return false
  const { _meta } = params
  return typeof _meta === 'object' && _meta !== null && PROTOCOL_VERSION_META_KEY in _meta
}
