import { type Bench, interleave } from '../bench.ts'
import { type FanOut, fanOut } from '../fan-out.ts'
import { pairwise, type Row, samplesOf } from '../row.ts'

/** Server CPU per delivery with one publisher that waits for each answer. */
export async function cpuPerDelivery(bench: Bench): Promise<Row[]> {
  const { readers } = bench.effort
  const seen = new Seen()
  const figures = await interleave(bench, bench.contenders, async (server) => {
    const result = seen.add(server.name, await fanOut(bench, server, readers, 1))
    return result.cpuMicrosecondsPerDelivery
  })
  const row: Row = {
    id: 'cpu-one-publisher',
    title: `Server CPU per delivery, 1 publisher, ${readers} readers`,
    unit: 'µs',
    digits: 2,
    better: 'lower',
    figures,
    checks: [],
    remarks: seen.remarks(),
  }
  const ours = samplesOf(row, 'mcp-sse')
  const floor = pairwise(ours, samplesOf(row, 'floor'), (a, b) => a / b)
  row.checks.push({ what: 'ours ÷ the bare writer', value: floor, unit: '×', better: 'lower', must: 1.4, goal: 1.2 })
  const nchan = pairwise(ours, samplesOf(row, 'nchan'), (a, b) => a / b)
  if (!Number.isNaN(nchan)) row.checks.push({ what: 'ours ÷ nchan', value: nchan, unit: '×', better: 'lower', must: 1 })
  return [row]
}

/** Throughput with 32 publishers, where group commit turns many events into one write per reader. */
export async function deliveriesPerSecond(bench: Bench): Promise<Row[]> {
  const { readers } = bench.effort
  const cpu = new Map<string, number[]>()
  const seen = new Seen()
  const figures = await interleave(bench, bench.contenders, async (server) => {
    const result = seen.add(server.name, await fanOut(bench, server, readers, 32))
    cpu.set(server.name, [...(cpu.get(server.name) ?? []), result.cpuMicrosecondsPerDelivery])
    return result.deliveriesPerSecond
  })
  const row: Row = {
    id: 'deliveries-32-publishers',
    title: `Deliveries a second, 32 publishers, ${readers} readers`,
    unit: '/s',
    digits: 0,
    better: 'higher',
    figures,
    checks: [],
    remarks: seen.remarks(),
  }
  const ratio = pairwise(samplesOf(row, 'mcp-sse'), samplesOf(row, 'nchan'), (a, b) => a / b)
  if (!Number.isNaN(ratio)) {
    row.checks.push({ what: 'ours ÷ nchan', value: ratio, unit: '×', better: 'higher', must: 15, goal: 25 })
  }
  const beside: Row = {
    id: 'cpu-32-publishers',
    title: `Server CPU per delivery, 32 publishers, ${readers} readers`,
    unit: 'µs',
    digits: 2,
    better: 'lower',
    figures: [...cpu].map(([name, samples]) => ({ name, samples })),
    checks: [],
    remarks: ['From the same runs as the row above.'],
  }
  return [row, beside]
}

/** Deliveries that never came are said: a server that drops events would otherwise look cheap. */
class Seen {
  readonly #missing = new Map<string, number>()

  add(name: string, result: FanOut): FanOut {
    this.#missing.set(name, (this.#missing.get(name) ?? 0) + result.missing)
    return result
  }

  remarks(): string[] {
    return [...this.#missing]
      .filter(([, missing]) => missing > 0)
      .map(([name, missing]) => `${name} answered publishes whose deliveries never came: ${missing}.`)
  }
}
