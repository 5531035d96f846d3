import { join } from 'node:path'
import { type Bench, interleave } from '../bench.ts'
import { mcpSdk } from '../contenders/mcp-sdk.ts'
import { mcpSse } from '../contenders/mcp-sse.ts'
import { post } from '../http-text.ts'
import { sendRequests } from '../load/requests.ts'
import { FRESH } from '../payload.ts'
import { pairwise, type Row, samplesOf } from '../row.ts'
import type { Server } from '../server.ts'

const VERSIONS = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28'] as const
/** Calls in flight. */
const CALLERS = 16
const HTTP_SSE = '2024-11-05'
const STATELESS = '2026-07-28'

type Headers = Record<string, string>

/** Calls of a tool that looks nothing up, beside a server that has nothing but that tool. */
export async function mcpCalls(bench: Bench): Promise<Row[]> {
  const ours = mcpSse('full')
  if ('absent' in ours) return []
  const rows: Row[] = []
  for (const version of VERSIONS) {
    const figures = await interleave(
      bench,
      [ours, mcpSdk(version === HTTP_SSE ? 'http-sse' : 'http')],
      async (server) => {
        if (version === HTTP_SSE) return callsOverOneStream(server.port, bench.effort.seconds)
        const request = await callRequest(server, version)
        await sendRequests(bench.tools, server.port, request, CALLERS, { seconds: bench.effort.warmUp })
        const load = await sendRequests(bench.tools, server.port, request, CALLERS, { seconds: bench.effort.seconds })
        return load.requests / load.seconds
      },
    )
    const row: Row = {
      id: `mcp-calls-${version}`,
      title: `MCP tool calls a second, ${version}, ${CALLERS} in flight`,
      unit: '/s',
      digits: 0,
      better: 'higher',
      figures,
      checks: [],
      remarks: ['hub_status, in open mode. The other server has that one tool and answers the same.'],
    }
    const value = pairwise(samplesOf(row, 'mcp-sse'), samplesOf(row, 'sdk'), (a, b) => a / b)
    row.checks.push({ what: 'ours ÷ the SDK’s minimal server', value, unit: '×', better: 'higher', must: 0.8 })
    rows.push(row)
  }
  return rows
}

async function callsOverOneStream(port: number, seconds: number): Promise<number> {
  const script = join(import.meta.dir, '../load/http-sse.ts')
  const child = Bun.spawn([process.execPath, 'run', script, ...[port, CALLERS, seconds].map(String)], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'inherit',
  })
  const said = await new Response(child.stdout).text()
  if ((await child.exited) !== 0) throw new Error('the caller over HTTP+SSE stopped early')
  return (JSON.parse(said) as { calls: number }).calls / seconds
}

const BASE: Headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }

/** A call with an id of its own each time: two of one id are not in flight together. */
async function callRequest(server: Server, version: string): Promise<string> {
  const session: Headers = version === STATELESS ? {} : await openSession(server.port, version)
  const stateless: Headers = version === STATELESS ? { 'mcp-method': 'tools/call', 'mcp-name': 'hub_status' } : {}
  const params = { name: 'hub_status', arguments: {}, ...(version === STATELESS ? { _meta: envelope(version) } : {}) }
  const call = { jsonrpc: '2.0', id: FRESH, method: 'tools/call', params }
  return post('/mcp', JSON.stringify(call), { ...BASE, 'mcp-protocol-version': version, ...session, ...stateless })
}

export function envelope(version: string): Record<string, unknown> {
  return {
    'io.modelcontextprotocol/protocolVersion': version,
    'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  }
}

async function openSession(port: number, version: string): Promise<Headers> {
  const send = (message: unknown, headers: Headers = {}): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}/mcp`, {
      method: 'POST',
      headers: { ...BASE, ...headers },
      body: JSON.stringify(message),
    })
  const params = { protocolVersion: version, capabilities: {}, clientInfo: { name: 'bench', version: '1' } }
  const opened = await send({ jsonrpc: '2.0', id: 1, method: 'initialize', params })
  await opened.text()
  const session = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '', 'mcp-protocol-version': version }
  const told = await send({ jsonrpc: '2.0', method: 'notifications/initialized' }, session)
  if (told.status !== 202) throw new Error(`initialized was answered with ${told.status}`)
  return session
}
