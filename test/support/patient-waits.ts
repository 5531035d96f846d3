import { WatchedStream } from '../../src/cli/doctor/watched-stream.ts'

/**
 * Loaded before `mcp-sse doctor`: what does not come on a stream is waited for a while, however short the wait is to
 * others. For a test in which something does not come, and something else does, later than on a quick machine.
 */
const LEAST_MS = 5000

const { until } = WatchedStream.prototype

WatchedStream.prototype.until = function <T>(this: WatchedStream, ms: number, check: () => T | undefined) {
  return until.call(this, Math.max(ms, LEAST_MS), check) as Promise<T | undefined>
}
