const LOWEST = 20_000
const HIGHEST = 32_000
/** Test processes that run at one time (`--parallel`) have ranges of their own. */
const RANGES = 8
const SIZE = (HIGHEST - LOWEST) / RANGES
/** The counter of this process and file. */
const turn = { next: Math.floor(Math.random() * SIZE) }

/**
 * A port that was free a moment ago, below the range from which outgoing connections take theirs (32768 on Linux): a
 * server that is killed and started again on its port would else now and then find it taken. For the same reason none is
 * given twice before all others were, and none that another process of the run is given.
 */
export function freePort(): number {
  const range = LOWEST + (Number(process.env.BUN_TEST_WORKER_ID ?? 0) % RANGES) * SIZE
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = range + (turn.next++ % SIZE)
    try {
      Bun.listen({ hostname: '127.0.0.1', port, socket: { data() {} } }).stop(true)
      return port
    } catch {
      // Taken: try another one.
    }
  }
  throw new Error(`No free port between ${range} and ${range + SIZE} in 100 attempts.`)
}
