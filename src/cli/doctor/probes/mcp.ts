import { plain } from '../../display.ts'
import { ADVICE } from '../advice.ts'
import { type Examination, type Finding, fail, ok, type Probe, shown } from '../probe.ts'
import { StreamRefused } from '../stream-refused.ts'
import { WatchedStream } from '../watched-stream.ts'
import { type Answer, fieldsOf } from '../way.ts'
import { replyHeld } from './mcp-reply.ts'

const VERSION = '2025-11-25'
const STATELESS = '2026-07-28'
/** One that never was: whoever is told of it refuses. */
const NO_VERSION = '1999-01-01'
const PATIENCE_MS = 3000

const JSON_RPC = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }

/** `initialize`, as a client of the sessions sends it. */
export const INITIALIZE = message('initialize', {
  protocolVersion: VERSION,
  capabilities: {},
  clientInfo: { name: 'mcp-sse doctor', version: '1' },
})

function message(method: string, params: object = {}): string {
  return JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
}

/** A whole session at `/mcp`, and one request of the protocol without sessions. */
export const mcp: Probe = {
  name: 'mcp',
  needs: ['hub', 'caller'],
  async run(examination) {
    const { way } = examination
    const opened = await post(examination, INITIALIZE)
    if (opened.status !== 200) return unopened(opened)
    const session = opened.headers.get('mcp-session-id')
    if (session === null) {
      return fail('initialize was answered, but without Mcp-Session-Id: something takes it out.', ADVICE.mcpSession)
    }
    const inside = { 'mcp-session-id': session, 'mcp-protocol-version': VERSION }
    const ping = await post(examination, message('ping'), inside)
    if (ping.status !== 200) {
      return fail(
        `A request of the session was answered with ${ping.status}: Mcp-Session-Id does not arrive.`,
        ADVICE.mcpSession,
      )
    }
    const odd = await post(examination, message('ping'), { ...inside, 'mcp-protocol-version': NO_VERSION })
    if (odd.status === 200) return fail('The header MCP-Protocol-Version does not arrive.', ADVICE.mcpVersion)
    const held = (await streamOf(examination, inside)) ?? (await replyHeld(examination, { ...JSON_RPC, ...inside }))
    if (held) return held
    const ended = await way.ask('/mcp', { method: 'DELETE', headers: inside })
    if (ended.status >= 300) {
      return fail(`DELETE, which ends a session, was answered with ${ended.status}.`, ADVICE.methods)
    }
    return await stateless(examination, opened.ms)
  },
}

function post({ way }: Examination, body: string, headers: Record<string, string> = {}): Promise<Answer> {
  return way.ask('/mcp', { method: 'POST', headers: { ...JSON_RPC, ...headers }, body })
}

function unopened({ status, code, detail }: Answer): Finding {
  if (code && (status === 429 || status === 503)) throw new StreamRefused(code)
  return fail(
    `initialize at /mcp was answered with ${status}${code ? ` by the hub: ${plain(detail ?? '')} [${code}]` : ', and not by the hub'}.`,
    {
      general: 'Let POST, GET and DELETE of /mcp through to the hub.',
      more: 'docs/mcp.md',
    },
  )
}

async function streamOf(examination: Examination, headers: Record<string, string>): Promise<Finding | undefined> {
  // What holds streams is the finding of another probe.
  if (!examination.known.streams) return undefined
  const stream = WatchedStream.open(examination.way, '/mcp', { headers })
  try {
    const began = await stream.until(PATIENCE_MS, () => (stream.bytes > 0 ? stream.response : undefined))
    if (began?.status === 200) return undefined
    stream.requireTaken()
    const saw = began ? `was answered with ${began.status}` : `did not begin in ${shown(PATIENCE_MS)}`
    return fail(`The stream of notifications, GET /mcp, ${saw}.`, began ? ADVICE.methods : ADVICE.buffering)
  } finally {
    await stream.close()
  }
}

async function stateless(examination: Examination, ms: number): Promise<Finding> {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': STATELESS,
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const answer = await post(examination, message('server/discover', { _meta }), {
    'mcp-protocol-version': STATELESS,
    'mcp-method': 'server/discover',
  })
  if (answer.status !== 200 || !('result' in fieldsOf(answer.text))) {
    return fail(
      `server/discover (${STATELESS}) was answered with ${answer.status}: its headers do not arrive.`,
      ADVICE.mcpVersion,
    )
  }
  return ok(`A session at /mcp opens (${shown(ms)}), is kept and ends; ${STATELESS} answers.`, { initializeMs: ms })
}
