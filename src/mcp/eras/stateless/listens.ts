import type { Clock } from '../../../core/clock.ts'
import type { CloseReason } from '../../../core/close-reason.ts'
import type { Principal } from '../../../core/principal.ts'
import { round } from '../../../core/round.ts'
import type { Changed } from '../../parts.ts'
import type { Listen } from './listen.ts'
import { OpenedStreams } from './opened-streams.ts'

/** Every open stream of `subscriptions/listen`, for what all of them are told of or asked about. */
export class Listens {
  readonly #clock: Clock
  readonly #open = new Set<Listen>()
  readonly #opened = new OpenedStreams()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(listen: Listen): void {
    this.#open.add(listen)
    this.#opened.add(this.#open.size)
  }

  remove(listen: Listen): void {
    this.#open.delete(listen)
  }

  async announce(changed: Changed): Promise<void> {
    await round(this.#clock, this.#open, (listen) => listen.announce(changed))
  }

  async reconsider(judge: (principal: Principal) => CloseReason | undefined): Promise<void> {
    await round(this.#clock, this.#open, (listen) => {
      const reason = judge(listen.principal)
      if (reason) listen.ended(reason)
    })
  }

  async end(reason: CloseReason): Promise<void> {
    await round(this.#clock, this.#open, (listen) => listen.ended(reason))
  }
}
