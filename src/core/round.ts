import type { Clock } from './clock.ts'

/** Each may write a frame, about 10 µs: after this many the event loop gets its turn. */
const VISITS_PER_TURN = 500

/** Visits all who are there now, in turns of the event loop. Those who leave meanwhile are visited too. Rejects with what `visit` throws. */
export async function round<T>(clock: Pick<Clock, 'yield'>, all: Iterable<T>, visit: (each: T) => void): Promise<void> {
  let visited = 0
  for (const each of [...all]) {
    visit(each)
    if (++visited % VISITS_PER_TURN === 0) await clock.yield()
  }
}
