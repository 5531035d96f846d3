import type { Clock } from '../core/clock.ts'

/** The machine's clock and event loop. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  random: () => Math.random(),
  every(ms, run) {
    const timer = setInterval(run, ms)
    timer.unref()
    return () => clearInterval(timer)
  },
  yield: () => new Promise((resolve) => setImmediate(resolve)),
}
