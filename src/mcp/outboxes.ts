import type { Clock } from '../core/clock.ts'
import type { CloseReason } from '../core/close-reason.ts'
import type { Hub } from '../core/hub.ts'
import type { OccupantStream } from '../core/occupant.ts'
import type { Principal } from '../core/principal.ts'
import { round } from '../core/round.ts'
import type { Exchange } from './exchange.ts'
import { Outbox, type OutboxHost, type OutboxLimits } from './outbox.ts'

export interface OutboxesOptions {
  hub: Pick<Hub, 'occupy' | 'metrics'>
  clock: Clock
  limits: Readonly<OutboxLimits>
}

const SWEEP_MS = 1000

/** Every stream of MCP messages that is open: they age, are told of a stop and of credentials that end, in one place. */
export class Outboxes {
  readonly #options: OutboxesOptions
  readonly #host: OutboxHost & { now: number }
  readonly #open = new Set<Outbox>()
  readonly #stop: () => void
  #sweeping = false

  constructor(options: OutboxesOptions) {
    this.#options = options
    this.#host = { limits: options.limits, metrics: options.hub.metrics, now: options.clock.monotonic() }
    this.#stop = options.clock.every(SWEEP_MS, () => void this.#sweep())
  }

  get size(): number {
    return this.#open.size
  }

  /**
   * `lasting`: a stream that waits for what may come, which counts as a connection; else the answer to one call.
   * `lastWord`: as an `Outbox` has it.
   * @throws HubError `overloaded`, `draining` when there is no room for another connection
   */
  open(
    { request, principal, address, cut }: Exchange,
    lasting: boolean,
    ended: (reason: CloseReason) => void,
    lastWord?: (reason: CloseReason) => string,
  ): Outbox {
    const asOccupant: OccupantStream = {
      get queuedBytes() {
        return outbox.queuedBytes
      },
      end: (reason) => outbox.finish(reason),
    }
    const leave = lasting ? this.#options.hub.occupy({ principal, address }, asOccupant) : undefined
    const { clock } = this.#options
    const left = principal.expires === undefined ? Number.POSITIVE_INFINITY : principal.expires - clock.now()
    let entered = false
    const outbox = new Outbox(this.#host, {
      principal,
      address,
      signal: request.signal,
      endsAt: clock.monotonic() + left,
      cut,
      ended: (reason) => {
        leave?.(reason)
        // A client that had gone before: it ends while it is made.
        if (entered) this.#open.delete(outbox)
        ended(reason)
      },
      lastWord,
    })
    // What is written last is still watched for a reader that does not take it: by the backstop, which needs no sweep.
    entered = outbox.open
    if (entered) this.#open.add(outbox)
    return outbox
  }

  /** Asks `judge` about the principal of every stream, and closes those it has a reason for. */
  async reconsider(judge: (principal: Principal) => CloseReason | undefined): Promise<void> {
    await round(this.#options.clock, this.#open, (outbox) => {
      const reason = judge(outbox.caller.principal)
      if (reason) outbox.dismiss(reason)
    })
  }

  /** Every stream ends once what waits for it is written. */
  async finish(reason: CloseReason): Promise<void> {
    await round(this.#options.clock, this.#open, (outbox) => outbox.finish(reason))
  }

  close(): void {
    this.#stop()
  }

  async #sweep(): Promise<void> {
    if (this.#sweeping) return
    this.#sweeping = true
    this.#host.now = this.#options.clock.monotonic()
    try {
      await round(this.#options.clock, this.#open, (outbox) => outbox.sweep(this.#host.now))
    } finally {
      this.#sweeping = false
    }
  }
}

/** How long an answer may take and still be one JSON document: after it a stream keeps its connection alive. */
export const JSON_WITHIN_MS = 1000

/** The headers of every stream of messages. */
export function streamHeaders(more: Record<string, string> = {}): Record<string, string> {
  return {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store, no-transform',
    // nginx buffers event streams unless the response itself forbids it.
    'x-accel-buffering': 'no',
    ...more,
  }
}

/** What people who meant the event stream find at the top of a stream of MCP messages. */
export const SIGNPOST = ': MCP speaks here. The stream of events for EventSource and curl is GET /events\n\n'
