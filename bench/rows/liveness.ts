import { type Bench, interleave } from '../bench.ts'
import { get } from '../http-text.ts'
import { Readers } from '../load/readers.ts'
import { sendRequests } from '../load/requests.ts'
import { payload } from '../payload.ts'
import { median, type Row, samplesOf } from '../row.ts'
import type { Server } from '../server.ts'

const PROBES_A_SECOND = 50
/** Enough that one slow answer does not hold up the next probe. */
const PROBERS = 32

/** How long `/livez` takes while a publisher keeps the fan-out busy. */
export async function liveness(bench: Bench): Promise<Row[]> {
  const rows: Row[] = []
  for (const [count, must, goal] of [
    [bench.effort.readers, 50, 20],
    [bench.effort.manyReaders, 100, 50],
  ] as const) {
    const who = bench.contenders.filter(({ name }) => name === 'mcp-sse' || name === 'floor' || name === 'nchan')
    const longest: number[] = []
    const figures = await interleave(bench, who, async (server) => {
      const probes = await probe(bench, server, count)
      if (server.name === 'mcp-sse') longest.push(probes.max)
      return probes.p99
    })
    const row: Row = {
      id: `livez-${count}`,
      title: `/livez while fanning out to ${count} readers, 99th percentile`,
      unit: 'ms',
      digits: 1,
      better: 'lower',
      figures,
      checks: [],
      remarks: [`The longest of ours in each round: ${longest.map((ms) => ms.toFixed(1)).join(', ')} ms.`],
    }
    const value = median(samplesOf(row, 'mcp-sse'))
    row.checks.push({ what: `ours, ${count} readers`, value, unit: 'ms', better: 'lower', must, goal })
    rows.push(row)
  }
  return rows
}

async function probe(bench: Bench, server: Server, count: number) {
  const { stream } = server.contender
  const publish = server.contender.publish(payload())
  const seconds = bench.effort.seconds + 1
  const readers = await Readers.open(bench.tools, server.port, stream, count)
  try {
    await readers.settle()
    const amount = { seconds: seconds + 1 }
    const publishing = sendRequests(bench.tools, server.port, publish, 1, amount)
    await Bun.sleep(500)
    const probing = sendRequests(bench.tools, server.port, get('/livez'), PROBERS, {
      perSecond: PROBES_A_SECOND,
      seconds,
    })
    const [, probes] = await Promise.all([publishing, probing])
    await readers.settle()
    return probes
  } finally {
    await readers.close()
  }
}
