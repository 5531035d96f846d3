import type { ServerContext } from '@modelcontextprotocol/server'
import { Turns } from '../core/turns.ts'
import type { Outbox } from './outbox.ts'

/** A stream that a request asked for and that lasts. */
export interface Lasting {
  /** Writes what it has to say into `outbox`, until that or the stream itself ends. */
  writeInto(outbox: Outbox): void
  /** Idempotent. */
  close(): void
}

/** How what a request asked for is carried to whoever asked, where the era has a say in it. */
export interface Carrier {
  /** Aborted when the connection that waits for the answer is gone; `undefined`: it has none of its own. */
  readonly gone?: AbortSignal | undefined
  /** Sends in its turn, when there is room: the SDK has no way to say that a reader is slow. */
  send?(send: () => Promise<void>): Promise<void>
  /** Takes a stream over: what the handler returns is then answered to nobody. */
  take?(stream: Lasting): void
}

/** The carrier that `authInfoOf` packed. */
export function carrierOf(context: ServerContext): Carrier {
  return (context.http?.authInfo?.extra?.carrier ?? {}) as Carrier
}

/** Messages of a session, on whatever stream is there for them now. */
export class SessionCarrier implements Carrier {
  readonly gone: AbortSignal | undefined
  readonly #outbox: () => Outbox | undefined
  #turns: Turns | undefined

  constructor(outbox: () => Outbox | undefined, gone?: AbortSignal) {
    this.#outbox = outbox
    this.gone = gone
  }

  /** One at a time: of several streams on one connection each would see the same room. */
  send(send: () => Promise<void>): Promise<void> {
    this.#turns ??= new Turns(1)
    return this.#turns.take(async () => {
      for (let room = this.#outbox()?.room(); room; room = this.#outbox()?.room()) await room
      await send()
    })
  }
}
