import { type Bench, interleave } from '../bench.ts'
import type { Contender } from '../contenders/contender.ts'
import { mcpSseAt } from '../contenders/mcp-sse.ts'
import { fanOut } from '../fan-out.ts'
import { pairwise, type Row, samplesOf } from '../row.ts'
import type { Server } from '../server.ts'

/** What may be added to a delivery by looking at it. */
const DEARER = 1.05
const LEAST_PAIRS = 11
const SCRAPE_MS = 1_000

/**
 * The fan-out with `/metrics` read every second and every log line written, in interleaved pairs: beside the same hub
 * that nobody looks at and, with `--before FILE`, an executable that counts nothing yet. Only in runs that name it.
 */
export async function observedFanOut(bench: Bench): Promise<Row[]> {
  const now = bench.contenders.find(({ name }) => name === 'mcp-sse')!
  const contenders = [watched(now), { ...now, name: 'nobody looks' }]
  if (bench.before) {
    contenders.push({ ...mcpSseAt([bench.before, 'serve'], 'the commit before'), name: 'before' })
  }
  const { effort } = bench
  const rounds = Math.max(effort.rounds, effort.quick ? 1 : LEAST_PAIRS)
  const rows: Row[] = []
  for (const publishers of [1, 32]) {
    const figures = await interleave({ ...bench, effort: { ...effort, rounds } }, contenders, async (server) => {
      const scraping = server.name === 'watched' ? setInterval(() => void scrape(server), SCRAPE_MS) : undefined
      try {
        return (await fanOut(bench, server, effort.readers, publishers)).cpuMicrosecondsPerDelivery
      } finally {
        clearInterval(scraping)
      }
    })
    const row: Row = {
      id: `observed-${publishers}-publishers`,
      title: `Server CPU per delivery with metrics and log lines, ${publishers} publishers, ${effort.readers} readers`,
      unit: 'µs',
      digits: 2,
      better: 'lower',
      figures,
      checks: [],
      remarks: ['watched: /metrics every second, log_level debug.'],
    }
    for (const { name } of contenders.slice(1)) {
      const value = pairwise(samplesOf(row, 'watched'), samplesOf(row, name), (a, b) => a / b)
      row.checks.push({ what: `watched ÷ ${name}`, value, unit: '×', better: 'lower', must: DEARER })
    }
    rows.push(row)
  }
  return rows
}

function watched(contender: Contender): Contender {
  return {
    ...contender,
    name: 'watched',
    async launch(place) {
      const { command, environment } = await contender.launch(place)
      return { command, environment: { ...environment, LOG_LEVEL: 'debug' } }
    },
  }
}

async function scrape(server: Server): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${server.port}/metrics`)
  const text = await response.text()
  if (!response.ok || !text.includes('mcp_sse_deliveries_total')) throw new Error('/metrics did not answer.')
}
