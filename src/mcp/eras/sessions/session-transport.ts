import type { JSONRPCNotification, Transport } from '@modelcontextprotocol/server'
import type { CloseReason } from '../../../core/close-reason.ts'
import type { Grants } from '../../../core/grants.ts'
import type { Exchange } from '../../exchange.ts'
import type { Outbox } from '../../outbox.ts'
import type { Parts } from '../../parts.ts'
import type { Posted } from './posted.ts'

/** What a transport needs of the session it belongs to. */
export interface SessionHost {
  readonly parts: Parts
  /** As negotiated; `undefined` before. */
  readonly version: string | undefined
  /** A stream of the session, which keeps it alive. @throws HubError as `Outboxes.open` */
  open(exchange: Exchange, lasting: boolean, ended: (reason: CloseReason) => void): Outbox
  /** A call has ended. */
  used(): void
  /** Somebody listens again; `all`: what it missed is not known. */
  listening(all: boolean): void
  /** The session ends with its stream. */
  close(reason: CloseReason): void
}

/** How messages of one session travel. */
export interface SessionTransport extends Transport {
  readonly sessionId: string
  /** Requests that have no answer yet. */
  readonly calls: number
  receive(posted: Posted, exchange: Exchange): Response | Promise<Response>
  /** Of the server's own accord. @returns whether somebody is there to be told; what is not told is not kept either */
  tell(notification: JSONRPCNotification): boolean
  /** Ends the stream of what the server says of its own accord: nobody watches for it any more. */
  endListening(reason: CloseReason): void
  /** Another credential counts: what was kept by the grants of the one before is not told again. */
  regrant(grants: Grants): void
  /** Forgets what is kept for clients that come back and was sent before, monotonic milliseconds. */
  expire(before: number): void
  /** Everything ends; calls without an answer get this one. Idempotent. */
  end(reason: CloseReason): void
}
