const LOWEST = 20_000
const HIGHEST = 32_000

/**
 * A port that was free a moment ago, below the range from which outgoing connections take theirs (32768 on Linux): a
 * server that is killed and started again on its port would else now and then find it taken.
 */
export function freePort(): number {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST))
    try {
      Bun.listen({ hostname: '127.0.0.1', port, socket: { data() {} } }).stop(true)
      return port
    } catch {
      // Taken: try another one.
    }
  }
  throw new Error(`No free port between ${LOWEST} and ${HIGHEST} in 100 attempts.`)
}
