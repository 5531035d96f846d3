import { type Bench, interleave } from '../bench.ts'
import { Readers } from '../load/readers.ts'
import { median, type Row, samplesOf } from '../row.ts'
import type { Server } from '../server.ts'

const SETTLE_MS = 3_000

/** How much a server's resident memory grows per connected, quiet reader. */
export async function idleMemory(bench: Bench): Promise<Row[]> {
  const count = bench.effort.manyReaders
  // Servers keep memory they once had: every sample needs a fresh one.
  const samples = new Map<string, number[]>(bench.contenders.map(({ name }) => [name, []]))
  const rounds = Math.min(bench.effort.rounds, 3)
  for (let round = 0; round < rounds; round++) {
    for (const candidate of bench.contenders) {
      const [figure] = await interleave({ ...bench, effort: { ...bench.effort, rounds: 1 } }, [candidate], (server) =>
        kibPerReader(bench, server, count),
      )
      samples.get(candidate.name)!.push(...figure!.samples)
    }
  }
  const row: Row = {
    id: 'memory-idle-reader',
    title: `Resident memory per idle reader, ${count} readers`,
    unit: 'KiB',
    digits: 1,
    better: 'lower',
    figures: [...samples].map(([name, values]) => ({ name, samples: values })),
    checks: [],
    remarks: ['All processes of a server; kernel socket buffers are not in it. 200 readers came and went before.'],
  }
  const value = median(samplesOf(row, 'mcp-sse'))
  row.checks.push({ what: 'ours', value, unit: 'KiB', better: 'lower', must: 7, goal: 5 })
  return [row]
}

async function kibPerReader(bench: Bench, server: Server, count: number): Promise<number> {
  const { stream } = server.contender
  const first = await Readers.open(bench.tools, server.port, stream, Math.min(200, count))
  await first.settle()
  await first.close()
  await Bun.sleep(SETTLE_MS / 3)
  const before = server.residentKiB()
  const readers = await Readers.open(bench.tools, server.port, stream, count)
  try {
    await readers.settle()
    await Bun.sleep(SETTLE_MS)
    const { open } = await readers.count()
    if (open < count) throw new Error(`${count - open} of ${count} readers were cut off`)
    return (server.residentKiB() - before) / count
  } finally {
    await readers.close()
  }
}
