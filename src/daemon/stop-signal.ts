/**
 * What ends a daemon: the first SIGTERM or SIGINT asks it to stop; a second one ends the process at once, as it would
 * without a listener. `fail` is for what it cannot go on without. (As PID 1 a process without a listener ignores SIGTERM,
 * so the listener is installed before anything slow.)
 */
export class StopSignal {
  readonly #stopped: Promise<void>
  #resolve: () => void = () => {}
  readonly #onSignal = (): void => {
    this.#release()
    this.#resolve()
  }

  constructor() {
    this.#stopped = new Promise((resolve) => {
      this.#resolve = resolve
    })
    process.on('SIGTERM', this.#onSignal)
    process.on('SIGINT', this.#onSignal)
  }

  /** Resolves with the first signal or failure. */
  wait(): Promise<void> {
    return this.#stopped
  }

  fail(): void {
    this.#resolve()
  }

  #release(): void {
    process.off('SIGTERM', this.#onSignal)
    process.off('SIGINT', this.#onSignal)
    // As PID 1 the default action of a signal is to be ignored: the second one has to be answered by hand.
    for (const [name, number] of [['SIGTERM', 15] as const, ['SIGINT', 2] as const]) {
      process.on(name, () => process.exit(128 + number))
    }
  }
}
