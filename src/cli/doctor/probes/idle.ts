import { plain } from '../../display.ts'
import { ADVICE } from '../advice.ts'
import { fail, ok, type Probe, shown, skipped, warn } from '../probe.ts'
import { quietPath } from '../rights.ts'
import { WatchedStream } from '../watched-stream.ts'

const OPEN_MS = 6000
/** If nobody says how long. Longer than the heartbeat of a hub that was told nothing. */
const USUAL_MS = 17_000
const LONGEST_MS = 60_000
/** A sign of life may be this much late: the way there and back, and a busy machine. */
const SLACK_MS = 1500

/** Whether a stream on which nothing happens is held, with the signs of life that the hub gives on it. */
export const idle: Probe = {
  name: 'idle',
  needs: ['hub', 'caller', 'subscribe'],
  async run(examination) {
    const { way, holdMs } = examination
    const stream = WatchedStream.open(way, quietPath(examination))
    try {
      const opened = await stream.until(OPEN_MS, () => stream.named('$open'))
      if (!opened) return skipped('No stream begins, so none can be held: see buffering.')
      const { heartbeatMs } = stream.control('$open')
      const every = typeof heartbeatMs === 'number' ? heartbeatMs : 15_000
      const hold = holdMs ?? Math.max(USUAL_MS, Math.min(every + 2 * SLACK_MS, LONGEST_MS))
      await stream.until(hold, () => stream.endedAt)
      const beats = stream.arrivals.filter(({ name }) => name === '$heartbeat').length
      const held = (stream.endedAt ?? performance.now()) - stream.started
      const quiet = (stream.endedAt ?? performance.now()) - (stream.lastByteAt ?? stream.started)
      const numbers = { heldMs: Math.round(held), quietMs: Math.round(quiet), heartbeatMs: every, heartbeats: beats }
      if (stream.named('$closing')) {
        const { reason } = stream.control('$closing')
        return warn(
          `The hub itself ended the stream after ${shown(held)}: ${plain(String(reason))}.`,
          undefined,
          numbers,
        )
      }
      if (stream.end !== undefined && !way.signal.aborted) {
        if (quiet < every / 2 && beats > 0) {
          return fail(
            `A stream was cut after ${shown(held)}, ${shown(quiet)} after a sign of life: something limits how long a request takes.`,
            ADVICE.totalTimeout,
            numbers,
          )
        }
        return fail(
          `A stream was cut after ${shown(quiet)} of silence, and not by the hub, which speaks every ${shown(every)}.`,
          ADVICE.idleTimeout,
          numbers,
        )
      }
      if (quiet > every + SLACK_MS) {
        return fail(
          `Nothing came for ${shown(quiet)}, though the hub speaks every ${shown(every)}: something holds it, or has forgotten the connection.`,
          ADVICE.buffering,
          numbers,
        )
      }
      const seen =
        beats > 0
          ? `heartbeats came through, every ${shown(every)}`
          : `too short for a heartbeat, every ${shown(every)}`
      return ok(`A quiet stream was held for ${shown(held)}: ${seen}. --for 2m looks longer.`, numbers)
    } finally {
      await stream.close()
    }
  },
}
