import { PROTOCOL_VERSION_META_KEY } from '@modelcontextprotocol/server'

/**
 * Whether a message carries the envelope of the versions without sessions. What does is never of an earlier era, but for
 * `initialize`; the SDK's `isLegacyRequest` says the same after checking the whole message, which its handler then does
 * once more. For what is `false` here that one has to be asked.
 */
export function claimsStateless(body: unknown): boolean {
  if (typeof body !== 'object' || body === null || !('method' in body) || !('params' in body)) return false
  if (typeof body.method !== 'string' || body.method === 'initialize') return false
  const { params } = body
  if (typeof params !== 'object' || params === null || !('_meta' in params)) return false
  const { _meta } = params
  return typeof _meta === 'object' && _meta !== null && PROTOCOL_VERSION_META_KEY in _meta
}
