import { plain } from '../../display.ts'
import { ADVICE } from '../advice.ts'
import { type Examination, type Finding, fail, ok, type Probe, shown, skipped, warn } from '../probe.ts'
import { quietPath } from '../rights.ts'
import { WatchedStream } from '../watched-stream.ts'

const OPEN_MS = 6000
/** If nobody says how long. Longer than the heartbeat of a hub that was told nothing. */
const USUAL_MS = 17_000
const LONGEST_MS = 60_000
/** A sign of life may be this much late: the way there and back, and a busy machine. */
const SLACK_MS = 1500

interface Quiet {
  heldMs: number
  /** Since the last byte. */
  quietMs: number
  heartbeatMs: number
  heartbeats: number
  /** What the hub ended it for. */
  reason: string | undefined
  /** How something else did. */
  end: string | undefined
}

/** Whether a stream on which nothing happens is held, with the signs of life that the hub gives on it. */
export const idle: Probe = {
  name: 'idle',
  needs: ['hub', 'caller', 'subscribe', 'stream'],
  async run(examination) {
    const started = performance.now()
    let heartbeats = 0
    /** The hub ends each stream when it is old (stream.max_age): the next one goes on where it was. */
    for (let streams = 1; ; streams++) {
      const quiet = await held(examination, performance.now() - started)
      if (!quiet) return skipped('No stream begins, so none can be held: see buffering.')
      heartbeats += quiet.heartbeats
      const heldMs = performance.now() - started
      if (quiet.reason === 'max-age' && heldMs < (examination.holdMs ?? 0) && !examination.way.signal.aborted) continue
      return judged({ ...quiet, heldMs, heartbeats }, streams, examination)
    }
  },
}

/** One stream, for as long as is left. */
async function held(examination: Examination, beforeMs: number): Promise<Quiet | undefined> {
  const { way, holdMs } = examination
  const stream = WatchedStream.open(way, quietPath(examination))
  try {
    const opened = await stream.until(OPEN_MS, () => stream.named('$open'))
    stream.requireTaken()
    if (!opened) return undefined
    const { heartbeatMs } = stream.control('$open')
    const every = typeof heartbeatMs === 'number' ? heartbeatMs : 15_000
    const whole = holdMs ?? Math.max(USUAL_MS, Math.min(every + 2 * SLACK_MS, LONGEST_MS))
    await stream.until(whole - beforeMs, () => stream.endedAt)
    const until = stream.endedAt ?? performance.now()
    const { reason } = stream.control('$closing')
    return {
      heldMs: until - stream.started,
      quietMs: until - (stream.lastByteAt ?? stream.started),
      heartbeatMs: every,
      heartbeats: stream.arrivals.filter(({ name }) => name === '$heartbeat').length,
      reason: stream.named('$closing') ? String(reason) : undefined,
      end: way.signal.aborted ? undefined : stream.end,
    }
  } finally {
    await stream.close()
  }
}

function judged(quiet: Quiet, streams: number, { holdMs }: Examination): Finding {
  const { heldMs, quietMs, heartbeatMs: every, heartbeats, reason, end } = quiet
  const numbers = {
    heldMs: Math.round(heldMs),
    quietMs: Math.round(quietMs),
    heartbeatMs: every,
    heartbeats,
  }
  if (reason !== undefined && reason !== 'max-age') {
    return warn(`The hub itself ended the stream after ${shown(heldMs)}: ${plain(reason)}.`, undefined, numbers)
  }
  if (reason === undefined && end !== undefined) {
    if (quietMs < every / 2 && heartbeats > 0) {
      return fail(
        `A stream was cut after ${shown(heldMs)}, ${shown(quietMs)} after a sign of life: something limits how long a request takes.`,
        ADVICE.totalTimeout,
        numbers,
      )
    }
    return fail(
      `A stream was cut after ${shown(quietMs)} of silence, and not by the hub, which speaks every ${shown(every)}.`,
      ADVICE.idleTimeout,
      numbers,
    )
  }
  if (quietMs > every + SLACK_MS) {
    return fail(
      `Nothing came for ${shown(quietMs)}, though the hub speaks every ${shown(every)}: something holds it, or has forgotten the connection.`,
      ADVICE.buffering,
      numbers,
    )
  }
  const seen =
    heartbeats > 0
      ? `heartbeats came through, every ${shown(every)}`
      : `too short for a heartbeat, every ${shown(every)}`
  const aged = streams > 1 || reason ? ' The hub ended streams by their age (stream.max_age), as it does.' : ''
  const more = holdMs === undefined ? ' --for 2m looks longer.' : ''
  return ok(`A quiet stream was held for ${shown(heldMs)}: ${seen}.${aged}${more}`, numbers)
}
