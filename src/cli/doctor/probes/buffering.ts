import { plain } from '../../display.ts'
import { ADVICE } from '../advice.ts'
import { NotPublished, type Published } from '../own-events.ts'
import { type Examination, type Finding, fail, ok, type Probe, shown, skipped, warn } from '../probe.ts'
import { mayReadTopic, mayWrite, streamPath } from '../rights.ts'
import { WatchedStream } from '../watched-stream.ts'

const FIRST_BYTES_MS = 3000
const HELD_MS = 2000
const SLOW_MS = 750
/** One that is larger than the buffers of proxies among small ones: what is left of it in a buffer is held by some. */
const SIZES = [16, 16, 20_000, 16]
const FILLING = { bytes: 16_384, times: 8 }

/** Whether what the hub writes on a stream comes through when it is written. */
export const buffering: Probe = {
  name: 'buffering',
  needs: ['hub', 'caller', 'subscribe'],
  async run(examination) {
    const stream = WatchedStream.open(examination.way, streamPath(examination))
    try {
      const opened = await stream.until(FIRST_BYTES_MS, () => stream.named('$open') ?? stream.named('$closing'))
      if (!opened) return await nothingCame(stream, examination)
      if (opened.name === '$closing') {
        const { reason } = stream.control('$closing')
        return fail(`The hub takes no stream now: ${plain(String(reason))}.`, {
          general: 'mcp-sse connections list   shows who reads; limits.connections… say how many may',
        })
      }
      examination.known.streams = true
      const firstMs = Math.round(opened.at - stream.started)
      if (!mayWrite(examination) || !mayReadTopic(examination)) {
        return ok(
          `A stream begins after ${shown(firstMs)}. No event was timed: that takes leave to publish and read ${examination.topic}.`,
          { firstMs },
        )
      }
      return await timed(stream, examination, firstMs)
    } finally {
      await stream.close()
    }
  },
}

async function timed(stream: WatchedStream, examination: Examination, firstMs: number): Promise<Finding> {
  const first = await delaysOf(stream, examination)
  if (!Array.isArray(first)) return first
  if (first.length === 0)
    return skipped(`A stream begins after ${shown(firstMs)}, but no event arrived at the hub: see size.`)
  let delays = first
  if (Math.max(...first) > SLOW_MS) {
    // What holds an event holds the next one like it. A machine that stood still, this one too, does not do so twice.
    const again = await delaysOf(stream, examination)
    if (!Array.isArray(again)) return again
    delays = first.map((ms, index) => Math.min(ms, again[index] ?? ms))
  }
  const slowestMs = Math.max(...delays)
  const numbers = { firstMs, slowestMs }
  const saw = `A stream begins after ${shown(firstMs)}; the slowest of ${delays.length} events came ${shown(slowestMs)} after it was stored`
  if (slowestMs <= SLOW_MS) return ok(`${saw}.`, numbers)
  // A slow way is slow for all of them.
  if (Math.min(...delays) < SLOW_MS / 4)
    return fail(`${saw}, others at once: something holds what is left in a buffer.`, ADVICE.buffering, numbers)
  return warn(`${saw}.`, ADVICE.buffering, numbers)
}

/** Of an event of each size that was taken, or what holds one. */
async function delaysOf(stream: WatchedStream, examination: Examination): Promise<number[] | Finding> {
  const delays: number[] = []
  for (const [index, size] of SIZES.entries()) {
    const published = await publishedIfTaken(examination, `${index} `.padEnd(size, '.'))
    if (!published) continue
    const { cursor, at } = published
    const arrival = await stream.until(HELD_MS, () => stream.arrivals.find(({ id }) => id === cursor))
    if (!arrival) return await held(stream, examination, cursor, size)
    // It may come before the publisher is told that it is stored.
    delays.push(Math.max(0, Math.round(arrival.at - at)))
  }
  return delays
}

/** `undefined`: too large for the proxy, which another probe finds. */
async function publishedIfTaken(examination: Examination, data: string): Promise<Published | undefined> {
  try {
    return await examination.events.publish(data)
  } catch (error) {
    if (error instanceof NotPublished && error.status === 413 && error.code === undefined) return undefined
    throw error
  }
}

async function held(stream: WatchedStream, examination: Examination, cursor: string, size: number): Promise<Finding> {
  const late = `An event of ${size} bytes had not come ${shown(HELD_MS)} after it was stored`
  if (stream.end !== undefined) return fail(`${late}: the stream had ended (${stream.end}).`, ADVICE.idleTimeout)
  await examination.events.publish('one more')
  const came = await stream.until(1000, () => stream.arrivals.find(({ id }) => id === cursor))
  return fail(
    `${late}, ${came ? 'but came with the next one' : 'nor with the next one'}: something holds it.`,
    ADVICE.buffering,
  )
}

/** Not even the beginning: is it let through when there is more of it? */
async function nothingCame(stream: WatchedStream, examination: Examination): Promise<Finding> {
  const { response } = stream
  if (response && (response.status !== 200 || stream.refusal)) {
    const type = response.headers.get('content-type')
    return fail(
      `A stream was answered with ${response.status} and ${type}: ${plain(stream.refusal.trim().slice(0, 100))}`,
      { general: 'Let the proxy hand on what GET /events answers, as it is.', more: 'docs/deploy.md' },
    )
  }
  if (stream.end !== undefined) return fail(`A stream ended before it began (${stream.end}).`, ADVICE.buffering)
  const saw = `${response ? 'The head of a stream' : 'Nothing'} came in ${shown(FIRST_BYTES_MS)}, where the hub writes at once`
  if (!mayWrite(examination) || !mayReadTopic(examination)) return fail(`${saw}.`, ADVICE.buffering)
  for (let time = 1; time <= FILLING.times; time++) {
    await examination.events.publish('.'.repeat(FILLING.bytes))
    const came = await stream.until(200, () => stream.named('$open'))
    const kib = (time * FILLING.bytes) / 1024
    if (came)
      return fail(`${saw}; it came after ${kib} KiB more: something buffers.`, ADVICE.buffering, { bufferKiB: kib })
  }
  return fail(
    `${saw}, nor with ${(FILLING.bytes * FILLING.times) / 1024} KiB more: something waits for the end.`,
    ADVICE.buffering,
  )
}
