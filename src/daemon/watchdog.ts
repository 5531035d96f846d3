import type { Clock } from '../core/clock.ts'

export interface WatchdogOptions {
  /** Without a sign of life for so long the hub is ended and started again, milliseconds. */
  withinMs: number
  /** Resolves when what writes the event log has answered. */
  probe(): Promise<void>
  /** Gives the sign of life. */
  alive(): void
  clock: Clock
  /** Sentences for the operator. */
  warn(sentence: string): void
}

/**
 * Signs of life, twice as often as they are asked for, each only after the log's writer has answered through the event
 * loop: a loop that stands still and a writer that does (a disk that hangs) both end them. The next probe waits for the
 * answer to the last, so that there is never more than one.
 * @returns what stops it, and may be called twice
 */
export function watch({ withinMs, probe, alive, clock, warn }: WatchdogOptions): () => void {
  let asked: number | undefined
  let warned = false
  let stopped = false
  const round = async (): Promise<void> => {
    const now = clock.monotonic()
    if (asked !== undefined) {
      if (!warned) warn(`${silentFor(now - asked)} If that goes on, the service manager starts the hub again.`)
      warned = true
      return
    }
    asked = now
    try {
      await probe()
      if (stopped) return
      if (warned) warn(`${silentFor(clock.monotonic() - asked)} Now it has.`)
      warned = false
      alive()
    } catch {
      // A log that failed or is being closed has said so itself, and is no sign of life.
    } finally {
      asked = undefined
    }
  }
  void round()
  const stop = clock.every(withinMs / 2, () => void round())
  return () => {
    stopped = true
    stop()
  }
}

function silentFor(ms: number): string {
  return `the writer of the event log did not answer for ${Math.round(ms / 1_000)} s: the disk may hang.`
}
