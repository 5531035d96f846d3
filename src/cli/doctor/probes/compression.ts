import { plain } from '../../display.ts'
import { ADVICE } from '../advice.ts'
import { fail, ok, type Probe, shown, warn } from '../probe.ts'
import { mayReadTopic, mayWrite, streamPath } from '../rights.ts'
import { StreamRefused } from '../stream-refused.ts'
import { WatchedStream } from '../watched-stream.ts'

const BEGINNING_MS = 3000
const HELD_MS = 1500
const EVENTS = 2

/** Whether a stream is compressed for a client that can read that, as every browser can: compressors hold what is small. */
export const compression: Probe = {
  name: 'compression',
  needs: ['hub', 'caller', 'subscribe', 'stream'],
  async run(examination) {
    const stream = WatchedStream.open(examination.way, streamPath(examination), {
      headers: { 'accept-encoding': 'gzip, deflate, br, zstd' },
    })
    try {
      const began = await stream.until(BEGINNING_MS, () => (stream.bytes > 0 ? stream.response : undefined))
      stream.requireTaken()
      if (!began) {
        return fail(
          `For a client that can read compressed answers, nothing of a stream came in ${shown(BEGINNING_MS)}.`,
          ADVICE.compression,
        )
      }
      const encoding = began.headers.get('content-encoding')
      if (!encoding || encoding === 'identity') return ok('Streams are not compressed.')
      const saw = `Streams are compressed (${plain(encoding)})`
      if (!mayWrite(examination) || !mayReadTopic(examination)) {
        return warn(
          `${saw}; whether events are held by that takes leave to publish ${examination.topic}.`,
          ADVICE.compression,
        )
      }
      let slowestMs = 0
      for (let index = 0; index < EVENTS; index++) {
        const before = stream.bytes
        const { at } = await examination.events.publish('compressed?')
        const came = await stream.until(HELD_MS, () => (stream.bytes > before ? stream.lastByteAt : undefined))
        // Of a stream that was not taken nothing else is seen when it is compressed: it ended at once.
        if (came === undefined && stream.endedAt !== undefined) throw new StreamRefused('it ended at once')
        if (came === undefined) {
          return fail(
            `${saw}, and nothing came in the ${shown(HELD_MS)} after an event was stored.`,
            ADVICE.compression,
          )
        }
        slowestMs = Math.max(slowestMs, Math.round(came - at))
      }
      return warn(
        `${saw}. Events come at once all the same (${shown(slowestMs)}), as long as it flushes.`,
        ADVICE.compression,
        {
          slowestMs,
        },
      )
    } finally {
      await stream.close()
    }
  },
}
