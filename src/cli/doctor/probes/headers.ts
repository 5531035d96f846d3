import { plain } from '../../display.ts'
import { ADVICE } from '../advice.ts'
import { fail, ok, type Probe, warn } from '../probe.ts'
import { quietPath } from '../rights.ts'
import { WatchedStream } from '../watched-stream.ts'

/** What a stream's own headers are after the way back. nginx keeps X-Accel-Buffering to itself, which is as it should be. */
export const headers: Probe = {
  name: 'headers',
  needs: ['hub', 'caller', 'subscribe', 'stream'],
  async run(examination) {
    const stream = WatchedStream.open(examination.way, quietPath(examination))
    try {
      const response = await stream.until(3000, () => stream.response)
      stream.requireTaken()
      if (!response) return fail('A second stream did not begin.', ADVICE.buffering)
      const type = response.headers.get('content-type') ?? 'none'
      if (!type.startsWith('text/event-stream')) {
        return fail(`Content-Type of a stream is ${plain(type)}: no EventSource reads that.`, ADVICE.cacheControl)
      }
      const cache = response.headers.get('cache-control') ?? 'none'
      if (!cache.includes('no-store') || !cache.includes('no-transform')) {
        return warn(
          `Cache-Control of a stream is ${plain(cache)}, and not no-store, no-transform as the hub sends it.`,
          ADVICE.cacheControl,
        )
      }
      return ok('Content-Type and Cache-Control of a stream come as the hub sends them.')
    } finally {
      await stream.close()
    }
  },
}
