import { join } from 'node:path'
import { type Bench, interleave } from '../bench.ts'
import { mcpSdk } from '../contenders/mcp-sdk.ts'
import { mcpSse } from '../contenders/mcp-sse.ts'
import type { Row } from '../row.ts'

const LISTENERS = 500
const EVENTS = 10
/** Above a second: a resource is told of at most once in one. */
const GAP_MS = 1_200

/** From the sending of a publish to its notice at each of 500 listeners. Ours is durable before anybody is told. */
export async function mcpNotices(bench: Bench): Promise<Row[]> {
  const ours = mcpSse('full')
  if ('absent' in ours) return []
  const rounds = Math.min(bench.effort.rounds, 5)
  const figures = await interleave(
    { ...bench, effort: { ...bench.effort, rounds } },
    [ours, mcpSdk()],
    async (server) => {
      const events = bench.effort.quick ? 2 : EVENTS
      const command = [process.execPath, 'run', join(import.meta.dir, '../load/listeners.ts')]
      const child = Bun.spawn([...command, ...[server.port, LISTENERS, events, GAP_MS].map(String)], {
        // Bun's fetch opens 256 connections at once unless it is told otherwise.
        env: { ...process.env, BUN_CONFIG_MAX_HTTP_REQUESTS: String(LISTENERS * 2) },
        stdin: 'ignore',
        stdout: 'pipe',
        stderr: 'inherit',
      })
      const said = await new Response(child.stdout).text()
      if ((await child.exited) !== 0) throw new Error('the listeners stopped early')
      return (JSON.parse(said) as { p99: number }).p99
    },
  )
  return [
    {
      id: 'mcp-notice-p99',
      title: `Publish to MCP notice, 99th percentile, ${LISTENERS} listeners of one topic (2026-07-28)`,
      unit: 'ms',
      digits: 1,
      better: 'lower',
      figures,
      checks: [],
      remarks: [
        'The other server writes nothing to disk. All listeners are in one client process, whose own time is in it.',
      ],
    },
  ]
}
