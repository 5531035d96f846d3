import type { Clock } from './clock.ts'

/**
 * Calls `run` every `ms` as `Clock.every` does, and `late` before it with how many seconds later that is than it was to
 * be: what the event loop did in between.
 */
export function everyOnTime(
  clock: Pick<Clock, 'every' | 'monotonic'>,
  ms: number,
  { run, late }: { run: () => void; late: (seconds: number) => void },
): () => void {
  let dueAt = clock.monotonic() + ms
  return clock.every(ms, () => {
    late((clock.monotonic() - dueAt) / 1000)
    dueAt = clock.monotonic() + ms
    run()
  })
}
