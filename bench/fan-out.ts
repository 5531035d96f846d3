import type { Bench } from './bench.ts'
import { Readers } from './load/readers.ts'
import { sendRequests } from './load/requests.ts'
import { payload } from './payload.ts'
import type { Server } from './server.ts'

export interface FanOut {
  deliveries: number
  /** Events that were answered but had not reached every reader when the stream fell silent. */
  missing: number
  deliveriesPerSecond: number
  /** Server CPU, all threads, user and system, from the first request until the last delivery. */
  cpuMicrosecondsPerDelivery: number
}

/** `publishers` closed-loop publishers, every event to each of `count` readers. */
export async function fanOut(bench: Bench, server: Server, count: number, publishers: number): Promise<FanOut> {
  const { stream } = server.contender
  const publish = server.contender.publish(payload())
  const readers = await Readers.open(bench.tools, server.port, stream, count)
  try {
    await readers.settle()
    await sendRequests(bench.tools, server.port, publish, publishers, { seconds: bench.effort.warmUp })
    const before = await readers.settle()
    const cpuBefore = server.cpuSeconds()
    const load = await sendRequests(bench.tools, server.port, publish, publishers, { seconds: bench.effort.seconds })
    const expected = load.requests * count
    const after = await readers.reach(before.events + expected)
    const cpu = server.cpuSeconds() - cpuBefore
    if (after.open < count) throw new Error(`${count - after.open} of ${count} readers were cut off`)
    const deliveries = after.events - before.events
    return {
      deliveries,
      missing: Math.max(0, expected - deliveries),
      deliveriesPerSecond: deliveries / ((after.lastEvent - load.started) / 1e9),
      cpuMicrosecondsPerDelivery: (cpu * 1e6) / deliveries,
    }
  } finally {
    await readers.close()
  }
}

/** Whether the contender works at all: one reader, one event, and it arrives. */
export async function delivers(bench: Pick<Bench, 'tools'>, server: Server): Promise<void> {
  const readers = await Readers.open(bench.tools, server.port, server.contender.stream, 1)
  try {
    const before = await readers.settle(100)
    await sendRequests(bench.tools, server.port, server.contender.publish(payload()), 1, { count: 1 })
    const after = await readers.reach(before.events + 1)
    if (after.events !== before.events + 1) throw new Error('It started, but an event did not arrive.')
  } finally {
    await readers.close()
  }
}
