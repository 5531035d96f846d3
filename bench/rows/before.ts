import { type Bench, interleave } from '../bench.ts'
import type { Contender } from '../contenders/contender.ts'
import { mcpSseAt } from '../contenders/mcp-sse.ts'
import { fanOut } from '../fan-out.ts'
import { pairwise, type Row, samplesOf } from '../row.ts'

/** A change is let in when it makes a delivery no dearer than this. */
const DEARER = 1.05
/** Two of one kind differ by little, and the machine by more. */
const LEAST_PAIRS = 11
const KEY = 'bench-key-that-opens-everything'

/**
 * The fan-out against an executable of an earlier commit (`--before FILE`), one publisher and 32, in interleaved pairs;
 * beside it the same with a key in every request. Nothing is measured without such an executable.
 */
export async function fanOutBefore(bench: Bench): Promise<Row[]> {
  if (!bench.before) return []
  const before: Contender = { ...mcpSseAt([bench.before, 'serve'], 'the commit before'), name: 'before' }
  const now = bench.contenders.find(({ name }) => name === 'mcp-sse')!
  const rows: Row[] = []
  const { effort } = bench
  const paired: Bench = {
    ...bench,
    effort: { ...effort, rounds: Math.max(effort.rounds, effort.quick ? 1 : LEAST_PAIRS) },
  }
  for (const publishers of [1, 32]) {
    const figures = await interleave(paired, [now, before, withKey(now)], async (server) => {
      const { cpuMicrosecondsPerDelivery } = await fanOut(bench, server, bench.effort.readers, publishers)
      return cpuMicrosecondsPerDelivery
    })
    const row: Row = {
      id: `before-${publishers}-publishers`,
      title: `Server CPU per delivery against the commit before, ${publishers} publishers, ${bench.effort.readers} readers`,
      unit: 'µs',
      digits: 2,
      better: 'lower',
      figures,
      checks: [],
      remarks: [],
    }
    const ratio = (name: string, to: string): number =>
      pairwise(samplesOf(row, name), samplesOf(row, to), (a, b) => a / b)
    row.checks.push({
      what: 'now ÷ before',
      value: ratio('mcp-sse', 'before'),
      unit: '×',
      better: 'lower',
      must: DEARER,
    })
    row.remarks.push(`With a key in every request ÷ before: ${ratio('with a key', 'before').toFixed(3)}.`)
    rows.push(row)
  }
  return rows
}

function withKey(contender: Contender): Contender {
  const authorized = (request: string): string => request.replace('\r\n', `\r\nauthorization: Bearer ${KEY}\r\n`)
  return {
    ...contender,
    name: 'with a key',
    stream: authorized(contender.stream),
    publish: (data) => authorized(contender.publish(data)),
    async launch(place) {
      const { command, environment } = await contender.launch(place)
      // One principal has all the readers and publishes as fast as it can: its limits are not what is measured.
      const limits = { MCP_SSE_LIMITS_CONNECTIONS_PER_PRINCIPAL: '10000', MCP_SSE_LIMITS_PUBLISH_RATE: '1000000' }
      return { command, environment: { ...environment, ...limits, MCP_SSE_AUTH_KEY: KEY } }
    },
  }
}
