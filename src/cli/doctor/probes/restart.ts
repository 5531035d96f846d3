import { setTimeout as delay } from 'node:timers/promises'
import { ADVICE } from '../advice.ts'
import { type Examination, type Finding, fail, ok, type Probe, shown, skipped } from '../probe.ts'
import { quietPath } from '../rights.ts'
import { WatchedStream } from '../watched-stream.ts'

const OPEN_MS = 5000
const BETWEEN_MS = 100

/** What whoever reconnects is answered while the hub restarts. An EventSource gives up for good on anything but 200. */
export const restart: Probe = {
  name: 'restart',
  needs: ['hub', 'caller', 'subscribe', 'stream'],
  async run(examination) {
    const { way, restartMs } = examination
    if (restartMs === 0) return skipped('Not asked for: --restart waits while you restart the hub, and looks.')
    const stream = WatchedStream.open(way, quietPath(examination))
    try {
      if (!(await stream.until(OPEN_MS, () => stream.named('$open'))))
        return skipped('No stream begins: see buffering.')
      await examination.tell(`Restart the hub now; its readers are watched for ${shown(restartMs)}.`)
      const ended = await stream.until(restartMs, () => stream.endedAt ?? stream.named('$closing')?.at)
      if (ended === undefined) return skipped(`No stream ended in ${shown(restartMs)}: the hub was not restarted.`)
    } finally {
      await stream.close()
    }
    return await meanwhile(examination)
  },
}

/** Comes back as an EventSource does, only sooner and whatever it is told, until a stream is open again. */
async function meanwhile(examination: Examination): Promise<Finding> {
  const { way, restartMs } = examination
  const began = performance.now()
  const met: Record<string, number> = {}
  const deadly = new Set<number>()
  while (performance.now() - began < restartMs && !way.signal.aborted) {
    const stream = WatchedStream.open(way, quietPath(examination))
    try {
      const opened = await stream.until(OPEN_MS, () => stream.named('$open') ?? stream.named('$closing'))
      if (opened?.name === '$open') return judged(met, deadly, performance.now() - began)
      const status = stream.response?.status
      const what = status === undefined ? (stream.end ?? 'no answer') : String(status)
      met[what] = (met[what] ?? 0) + 1
      const type = stream.response?.headers.get('content-type') ?? ''
      // Without any answer it tries again by itself.
      if (status !== undefined && (status !== 200 || !type.startsWith('text/event-stream'))) deadly.add(status)
    } finally {
      await stream.close()
    }
    await delay(BETWEEN_MS)
  }
  return fail(`No stream was open again ${shown(restartMs)} after the restart.`, ADVICE.restart)
}

function judged(met: Record<string, number>, deadly: ReadonlySet<number>, ms: number): Finding {
  const list = Object.entries(met).map(([what, times]) => `${what} ${times} times`)
  const saw = `A stream was open again after ${shown(ms)}; until then: ${list.join(', ') || 'nothing else'}.`
  const numbers = { awayMs: Math.round(ms) }
  if (deadly.size === 0) return ok(saw, numbers)
  return fail(
    `${saw} An EventSource that is answered with ${[...deadly].join(' or ')} never comes back.`,
    ADVICE.restart,
    numbers,
  )
}
