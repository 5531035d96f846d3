import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Bench, interleave } from '../bench.ts'
import { Readers } from '../load/readers.ts'
import { sendRequests } from '../load/requests.ts'
import { payload } from '../payload.ts'
import { median, type Row, samplesOf } from '../row.ts'

const EVENTS_A_SECOND = 50
/** Enough that a slow answer does not hold up the next event. */
const PUBLISHERS = 8

/** From the planned sending of the publish to reading the event, over all readers, 50 events a second. */
export async function latency(bench: Bench): Promise<Row[]> {
  const { readers: count } = bench.effort
  const seconds = Math.max(bench.effort.seconds, bench.effort.quick ? 2 : 10)
  const appends: number[] = []
  const figures = await interleave(bench, bench.contenders, async (server) => {
    if (server.name === 'mcp-sse') appends.push(await appendAndSync(seconds))
    const { stream } = server.contender
    const publish = server.contender.publish(payload())
    const readers = await Readers.open(bench.tools, server.port, stream, count, 'latency')
    try {
      await readers.settle()
      const pace = { perSecond: EVENTS_A_SECOND }
      await sendRequests(bench.tools, server.port, publish, PUBLISHERS, { ...pace, seconds: bench.effort.warmUp })
      const before = await readers.settle()
      await readers.latency()
      const sent = await sendRequests(bench.tools, server.port, publish, PUBLISHERS, { ...pace, seconds })
      await readers.reach(before.events + sent.requests * count)
      const seen = await readers.latency()
      if (seen.samples < sent.requests * count) throw new Error(`${seen.samples} latencies of ${sent.requests * count}`)
      return seen.p99
    } finally {
      await readers.close()
    }
  })
  const row: Row = {
    id: 'latency-p99',
    title: `Publish to reader, 99th percentile, ${EVENTS_A_SECOND} events/s, ${count} readers`,
    unit: 'ms',
    digits: 2,
    better: 'lower',
    figures: [...figures, { name: 'append and fsync', samples: appends, note: '200 bytes, in the same run' }],
    checks: [],
    remarks: ['Only mcp-sse writes to disk before it delivers.'],
  }
  const floor = samplesOf(row, 'floor')
  const value = median(samplesOf(row, 'mcp-sse').map((ours, round) => (ours - appends[round]!) / floor[round]!))
  row.checks.push({
    what: '(ours − append and fsync) ÷ the bare writer',
    value,
    unit: '×',
    better: 'lower',
    must: 1.25,
    goal: 1,
  })
  return [row]
}

/** 99th percentile in milliseconds, on the file system that the servers' data is on. */
async function appendAndSync(seconds: number): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'mcp-sse-bench-'))
  try {
    const script = join(import.meta.dir, '../load/append.ts')
    const command = [process.execPath, 'run', script, directory, '200', String(EVENTS_A_SECOND), String(seconds)]
    const child = Bun.spawn(command, { stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' })
    return (JSON.parse(await new Response(child.stdout).text()) as { p99: number }).p99
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
