import type { Bench } from '../bench.ts'
import type { Contender } from '../contenders/contender.ts'
import { mcpSse } from '../contenders/mcp-sse.ts'
import { get, post } from '../http-text.ts'
import { Readers } from '../load/readers.ts'
import { sendRequests } from '../load/requests.ts'
import { payload } from '../payload.ts'
import { median, type Row } from '../row.ts'
import { Server } from '../server.ts'

const BATCH = 1_000
const NEEDLES = 10

/**
 * One reader that starts at the earliest event of a filled log: an exact topic, a scan of every topic for a rare type,
 * and beside it a pattern that names few topics, which a log with a topic index need not scan for.
 */
export async function replay(bench: Bench): Promise<Row[]> {
  const found = mcpSse('full')
  if ('absent' in found) return []
  const rows = bench.effort.replayEvents
  const exact: number[] = []
  const scan: number[] = []
  const few: number[] = []
  const server = await filled(bench, found)
  try {
    for (let round = 0; round < bench.effort.rounds; round++) {
      exact.push(rows / (await seconds(bench, server, 'topic=replay/hay', rows)))
      scan.push(rows / (await seconds(bench, server, 'topic=**&type=needle', NEEDLES)))
      few.push(rows / (await seconds(bench, server, 'topic=replay/needle/*', NEEDLES)))
    }
  } finally {
    await server.stop()
  }
  return [
    {
      id: 'replay',
      title: `Replay to one reader, ${rows} events of 200 bytes`,
      unit: '/s',
      digits: 0,
      better: 'higher',
      figures: [
        { name: 'mcp-sse, exact topic', samples: exact, note: 'events sent' },
        { name: 'mcp-sse, pattern scan', samples: scan, note: `rows passed, ** and a type that ${NEEDLES} have` },
        { name: 'mcp-sse, few topics', samples: few, note: `rows passed, a pattern that ${NEEDLES} match` },
      ],
      checks: [
        { what: 'exact topic', value: median(exact), unit: '/s', better: 'higher', must: 400_000, goal: 700_000 },
        { what: 'pattern scan', value: median(scan), unit: '/s', better: 'higher', must: 1_000_000, goal: 1_300_000 },
      ],
      remarks: ['From the request to the last event in the reader. The newest events come from memory.'],
    },
  ]
}

/** A needle after every tenth of the hay, the last one at the very end of the log. */
async function filled(bench: Bench, found: Contender): Promise<Server> {
  const server = await Server.start(found)
  const hay = `{"topic":"replay/hay","type":"tick","data":${payload()}}\n`.repeat(BATCH)
  const hayRequest = post('/events', hay, { 'content-type': 'application/x-ndjson' })
  const needleRequest = post('/events/replay/needle/1?type=needle', payload(), { 'content-type': 'application/json' })
  try {
    for (let part = 0; part < NEEDLES; part++) {
      const count = bench.effort.replayEvents / BATCH / NEEDLES
      await sendRequests(bench.tools, server.port, hayRequest, 2, { count })
      await sendRequests(bench.tools, server.port, needleRequest, 1, { count: 1 })
    }
  } catch (error) {
    await server.stop()
    throw error
  }
  return server
}

/** Without control events, so that every data line is an event of the log. */
async function seconds(bench: Bench, server: Server, query: string, events: number): Promise<number> {
  const request = get(`/events?${query}&since=earliest&control=0`, { accept: 'text/event-stream' })
  return (await Readers.until(bench.tools, server.port, request, events)).seconds
}
