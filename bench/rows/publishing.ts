import { type Bench, interleave } from '../bench.ts'
import type { Contender } from '../contenders/contender.ts'
import { mcpSse } from '../contenders/mcp-sse.ts'
import { noLog } from '../contenders/no-log.ts'
import { post } from '../http-text.ts'
import { sendRequests } from '../load/requests.ts'
import { FRESH, payload, RISING } from '../payload.ts'
import { median, pairwise, type Row, samplesOf } from '../row.ts'

const PUBLISHERS = 64
const BATCH = 1_000
const BATCH_PUBLISHERS = 4

/** One event a request, each answered when it is durable, beside the same routes that keep nothing on disk. */
export async function singlePublishes(bench: Bench): Promise<Row[]> {
  const ours = [mcpSse('full'), mcpSse('memory')].filter((found): found is Contender => 'launch' in found)
  const figures = await interleave(bench, [...ours, noLog()], async (server) => {
    const publish = server.contender.publish(payload())
    await sendRequests(bench.tools, server.port, publish, PUBLISHERS, { seconds: bench.effort.warmUp })
    const load = await sendRequests(bench.tools, server.port, publish, PUBLISHERS, { seconds: bench.effort.seconds })
    return load.requests / load.seconds
  })
  const row: Row = {
    id: 'publish-single',
    title: `Single publishes a second, ${PUBLISHERS} keep-alive publishers, no readers`,
    unit: '/s',
    digits: 0,
    better: 'higher',
    figures,
    checks: [],
    remarks: [
      'mcp-sse-memory is the same server with durability = "memory"; no-log is a bare Elysia route that reads, parses ' +
        'and answers the same.',
    ],
  }
  const value = pairwise(samplesOf(row, 'mcp-sse'), samplesOf(row, 'mcp-sse-memory'), (a, b) => a / b)
  const what = 'ours ÷ the same routes without a durable log'
  row.checks.push({ what, value, unit: '×', better: 'higher', must: 0.5, goal: 0.65 })
  const bare = pairwise(samplesOf(row, 'mcp-sse'), samplesOf(row, 'no-log'), (a, b) => a / b)
  row.remarks.push(`Ours ÷ the bare route: ${bare.toFixed(2)}.`)
  return [row]
}

/** Batches of 1,000 events as NDJSON. */
export async function ndjsonPublishes(bench: Bench): Promise<Row[]> {
  const found = mcpSse('full')
  if ('absent' in found) return []
  const kinds = [
    ['one topic, no ids', '"topic":"bench"'],
    ['10,000 topics, no ids', `"topic":"bench/${RISING}"`],
    ['one topic, random ids', `"topic":"bench","id":"${FRESH}"`],
  ] as const
  const figures = []
  for (const [name, fields] of kinds) {
    const line = `{${fields},"type":"tick","data":${payload()}}\n`
    const request = post('/events', line.repeat(BATCH), { 'content-type': 'application/x-ndjson' })
    const [figure] = await interleave(bench, [found], async (server) => {
      await sendRequests(bench.tools, server.port, request, BATCH_PUBLISHERS, { seconds: bench.effort.warmUp })
      const load = await sendRequests(bench.tools, server.port, request, BATCH_PUBLISHERS, {
        seconds: bench.effort.seconds,
      })
      return (load.requests * BATCH) / load.seconds
    })
    figures.push({ name: `mcp-sse, ${name}`, samples: figure!.samples })
  }
  const value = median(figures[0]!.samples)
  const must = 150_000
  return [
    {
      id: 'publish-ndjson',
      title: `Events a second published as NDJSON, ${BATCH} a request, ${BATCH_PUBLISHERS} publishers, no readers`,
      unit: '/s',
      digits: 0,
      better: 'higher',
      figures,
      checks: [{ what: 'ours, one topic, no ids', value, unit: '/s', better: 'higher', must, goal: 250_000 }],
      remarks: [],
    },
  ]
}
