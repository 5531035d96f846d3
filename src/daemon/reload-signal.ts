import { isatty } from 'node:tty'

const STDERR = 2

export interface ReloadSignal {
  /** MUST NOT reject: what went wrong is for the log. */
  reload: () => Promise<void>
  /** The terminal the process was started on is gone, which is what SIGHUP meant before it meant this. */
  hangUp: () => void
}

/**
 * Reloads on SIGHUP, one at a time: signals during a reload come to one more. Without a terminal from the start it is
 * always a reload.
 * @returns ends the reloads, for a process that stops: `told` is called instead of the first of those that are asked for
 * and have not begun. The signal is never given back, as without a listener it ends the process in the middle of its stop.
 */
export function onReloadSignal({ reload, hangUp }: ReloadSignal): (told: () => void) => void {
  const onTerminal = isatty(STDERR)
  const oneAtATime = new ReloadTurns(reload)
  const listener = (): void => {
    if (onTerminal && !isatty(STDERR)) hangUp()
    else oneAtATime.ask()
  }
  // On Windows it means that the console window was closed, and nothing can stop the end.
  if (process.platform !== 'win32') process.on('SIGHUP', listener)
  return (told) => oneAtATime.end(told)
}

/** Runs that never overlap; however many are asked for during one, one more follows it. */
export class ReloadTurns {
  readonly #run: () => Promise<void>
  #running = false
  #again = false
  #instead: (() => void) | undefined

  constructor(run: () => Promise<void>) {
    this.#run = run
  }

  ask(): void {
    if (this.#instead) this.#refuse()
    else {
      this.#again = true
      if (!this.#running) void this.#loop()
    }
  }

  /** No run begins any more. `instead` is called once, when one is asked for or was to follow. */
  end(instead: () => void): void {
    if (this.#instead) return
    this.#instead = instead
    if (this.#again) this.#refuse()
    this.#again = false
  }

  #refuse(): void {
    this.#instead!()
    this.#instead = () => {}
  }

  async #loop(): Promise<void> {
    this.#running = true
    try {
      while (this.#again) {
        this.#again = false
        await this.#run()
      }
    } finally {
      this.#running = false
    }
  }
}
