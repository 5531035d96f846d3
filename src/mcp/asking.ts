import type { AuthInfo, ServerContext } from '@modelcontextprotocol/server'
import type { Principal } from '../core/principal.ts'
import type { Carrier } from './carrier.ts'

/** Who makes one request, and from where. Of this request alone: a session outlives tokens and reloads. */
export interface Caller {
  principal: Principal
  /** The client's address as limits count it; '' when they do not. */
  address: string
}

/** One request as the catalogue sees it. */
export interface Asking extends Caller {
  /** The protocol version spoken: `2025-11-25`. Versions compare as text. */
  version: string
  /** Aborted when the caller cancelled the request, or its session or connection ended. */
  signal: AbortSignal
  /** Tells the caller how far it is; `undefined` when it did not ask to be told. */
  progress: ((done: number, total: number, message: string) => Promise<void>) | undefined
  /** The SDK's own view, for what only some versions have. */
  context: ServerContext
}

/** The version in which links to resources became content of a result. */
export const RESOURCE_LINKS_SINCE = '2025-06-18'
/** The version without sessions. */
export const STATELESS = '2026-07-28'

/**
 * The one thing the SDK hands from a transport to a handler. The token stays out of it: nothing behind the gate needs it.
 */
export function authInfoOf({ principal, address }: Caller, carrier?: Carrier): AuthInfo {
  return { token: '', clientId: principal.id, scopes: [], extra: { caller: { principal, address }, carrier } }
}

/** The caller that `authInfoOf` packed. A request without one is a fault of ours and gets no rights. */
export function callerOf(context: ServerContext): Caller {
  const caller = context.http?.authInfo?.extra?.caller
  if (!caller) throw new Error('a request reached the catalogue without its caller')
  return caller as Caller
}
