import type { Clock } from '../../core/clock.ts'
import type { OutletStore } from '../../core/outlet-store.ts'
import type { Outlet } from './outlet.ts'

/** What is lost of how far outlets are when the process is killed: that much is sent again. */
const RECORD_MS = 100
/** Outlets that only read on, without anything for them: their place is recorded now and then. */
const PLACES_MS = 60_000
const MOST_AT_ONCE = 1000
/** Between two tries, and two reports, when it cannot be recorded. */
const AGAIN_MS = 10_000

export interface RecorderOptions {
  clock: Clock
  store: Pick<OutletStore, 'record'>
  outlets: () => Iterable<Outlet>
  report: (error: unknown) => void
}

/** Writes down how far outlets are, many in one go. */
export class Recorder {
  readonly #options: RecorderOptions
  readonly #changed = new Set<Outlet>()
  readonly #undo: (() => void)[]
  #recording: Promise<void> | undefined
  /** Monotonic milliseconds. */
  #notBefore = 0

  constructor(options: RecorderOptions) {
    this.#options = options
    const { clock, outlets } = options
    this.#undo = [
      clock.every(RECORD_MS, () => {
        if (clock.monotonic() >= this.#notBefore) void this.#record()
      }),
      clock.every(PLACES_MS, () => {
        for (const outlet of outlets()) this.#changed.add(outlet)
      }),
    ]
  }

  changed(outlet: Outlet): void {
    this.#changed.add(outlet)
  }

  /**
   * How far they are, written down before this resolves; else it is sent again after a restart, or recorded with the next
   * change. @throws as `OutletStore.record`
   */
  async record(outlets: readonly Outlet[]): Promise<void> {
    const changes = outlets.map((outlet) => outlet.change())
    try {
      await this.#options.store.record(changes)
    } catch (error) {
      for (const [index, outlet] of outlets.entries()) {
        outlet.keep(changes[index]!)
        this.#changed.add(outlet)
      }
      throw error
    }
  }

  /** Everything is written down. */
  async close(): Promise<void> {
    for (const undo of this.#undo) undo()
    await this.#recording
    for (const outlet of this.#options.outlets()) this.#changed.add(outlet)
    await this.#record()
  }

  #record(): Promise<void> {
    this.#recording ??= this.#recordAll().finally(() => {
      this.#recording = undefined
    })
    return this.#recording
  }

  async #recordAll(): Promise<void> {
    while (this.#changed.size > 0) {
      const some = [...this.#changed].slice(0, MOST_AT_ONCE)
      for (const outlet of some) this.#changed.delete(outlet)
      try {
        await this.record(some.filter((outlet) => !outlet.closed))
      } catch (error) {
        this.#notBefore = this.#options.clock.monotonic() + AGAIN_MS
        this.#options.report(error)
        return
      }
    }
  }
}
