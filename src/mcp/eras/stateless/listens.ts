import type { Clock } from '../../../core/clock.ts'
import type { CloseReason } from '../../../core/close-reason.ts'
import type { Principal } from '../../../core/principal.ts'
import type { Changed } from '../../parts.ts'
import type { Listen } from './listen.ts'

/** Each that is told may write a frame: after this many the event loop gets its turn. */
const VISITS_PER_TURN = 500

/** Streams opened since the last collection of garbage after which there is another, and their share of all that are open. */
const COLLECT_AFTER = 100
const COLLECT_SHARE = 0.25

/** Every open stream of `subscriptions/listen`, for what all of them are told of or asked about. */
export class Listens {
  readonly #clock: Clock
  readonly #open = new Set<Listen>()
  #sinceCollected = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(listen: Listen): void {
    this.#open.add(listen)
    this.#sinceCollected++
    if (this.#sinceCollected < Math.max(COLLECT_AFTER, this.#open.size * COLLECT_SHARE)) return
    this.#sinceCollected = 0
    // The SDK's checks of one request leave some 30 KiB of garbage around the few objects that stay, and Bun's collector
    // moves nothing: collected only when the heap has doubled, it keeps pages that are nearly empty (measured, the first
    // 500 listeners: 40 KiB RSS each without this, 14 with it).
    Bun.gc(false)
  }

  remove(listen: Listen): void {
    this.#open.delete(listen)
  }

  async announce(changed: Changed): Promise<void> {
    await this.#inTurns((listen) => listen.announce(changed))
  }

  async reconsider(judge: (principal: Principal) => CloseReason | undefined): Promise<void> {
    await this.#inTurns((listen) => {
      const reason = judge(listen.principal)
      if (reason) listen.ended(reason)
    })
  }

  async end(reason: CloseReason): Promise<void> {
    await this.#inTurns((listen) => listen.ended(reason))
  }

  async #inTurns(visit: (listen: Listen) => void): Promise<void> {
    let visited = 0
    for (const listen of [...this.#open]) {
      visit(listen)
      if (++visited % VISITS_PER_TURN === 0) await this.#clock.yield()
    }
  }
}
