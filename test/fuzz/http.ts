import fc from 'fast-check'
import { signToken } from '../../src/auth/signed-token.ts'
import { keySettings, testKey } from '../support/access.ts'
import { HMAC_SECRET, tokenSettings } from '../support/authority.ts'
import { type ServedHub, servedHub } from '../support/served-hub.ts'
import { hangingOnce } from './hanging.ts'
import { hostile, type Parts } from './hostile.ts'
import { type McpSessions, mcpSessions } from './mcp-requests.ts'
import type { FuzzReport } from './parser.ts'
import { PLACES } from './places.ts'
import { requestBytes, statusOfAnswer } from './raw-exchange.ts'

/** A served hub and valid requests to it; all of HTTP sees what becomes of them. */
export interface Target {
  name: string
  served: ServedHub
  samples: readonly Parts[]
  sessions: McpSessions
}

/** Requests that are on their way at one time. */
const AT_ONCE = 8
const EVENT = '{"topic":"orders/42","type":"order.paid","data":{"total":99},"id":"a"}'
const CLOUD_EVENT = '{"specversion":"1.0","id":"A","source":"/shop","type":"order.paid","data":{"a":1}}'

export interface TargetOptions {
  /** After so long without use a session goes. */
  sessionIdleMs?: number
}

/** Bodies that stop coming are answered after this long. */
function limitsOf({ sessionIdleMs = 2000 }: TargetOptions) {
  return {
    bodyTimeoutMs: 150,
    limits: { connections: PLACES, connectionsPerPrincipal: PLACES },
    mcpLimits: { maxQueueBytes: 1024 * 1024, sessions: 100_000, sessionsPerPrincipal: 100_000, sessionIdleMs },
  }
}

export async function openTarget(options: TargetOptions = {}): Promise<Target> {
  const served = await servedHub(limitsOf(options))
  const host = `host: 127.0.0.1:${served.port}`
  const sessions = await mcpSessions(served, '')
  return { name: 'HTTP, open', served, sessions, samples: [...samplesWith(host, ''), ...sessions.requests(host)] }
}

export async function closedTarget(options: TargetOptions = {}): Promise<Target> {
  const key = testKey('everything', { publish: ['**'], subscribe: ['**'], admin: true })
  const publisher = testKey('publisher', { publish: ['**'] })
  const served = await servedHub({
    ...limitsOf(options),
    access: keySettings([key, publisher], {
      tokens: tokenSettings({ cookie: 'session' }),
      trustedProxies: ['127.0.0.0/8'],
    }),
  })
  const host = `host: 127.0.0.1:${served.port}`
  const grants = { publish: ['**'], subscribe: ['a/*', 'orders/**'], types: ['order.*'] }
  const token = await signToken(HMAC_SECRET, { sub: 'alice', grants }, { now: Date.now(), ttlMs: 3_600_000 })
  const asker = await served.access.authority.recognise({ kind: 'bearer', text: key.text })
  const { ticket } = await served.access.authority.issueTicket(asker, { topics: ['orders/**'] })
  const sessions = await mcpSessions(served, `Bearer ${key.text}`)
  return {
    name: 'HTTP, with credentials',
    served,
    sessions,
    samples: [
      ...sessions.requests(`${host}\r\nauthorization: Bearer ${key.text}`),
      // Sessions of another, and nobody's.
      ...sessions.requests(`${host}\r\nauthorization: Bearer ${token}`).slice(0, 12),
      ...sessions.requests(host).slice(0, 4),
      ...samplesWith(host, `\r\nauthorization: Bearer ${key.text}`),
      ...samplesWith(host, `\r\nauthorization: Bearer ${token}\r\nx-forwarded-for: 203.0.113.9`),
      ['GET', '/whoami', `${host}\r\ncookie: session=${token}`, ''],
      ['GET', `/events/orders/*?ticket=${ticket}`, `${host}\r\norigin: https://app.example`, ''],
      ['POST', `/events/a?key=${publisher.text}`, host, 'x'],
      ['GET', '/whoami', host, ''],
    ],
  }
}

function samplesWith(host: string, more: string): Parts[] {
  const headers = `${host}${more}`
  const json = `${headers}\r\ncontent-type: application/json`
  return [
    ['POST', '/events', json, EVENT],
    ['POST', '/events', json, `[${EVENT},{"data":1}]`],
    ['POST', '/events', `${headers}\r\ncontent-type: application/x-ndjson`, `${EVENT}\n{"data":2}`],
    ['POST', '/events?topic=a', `${headers}\r\ncontent-type: application/cloudevents+json`, CLOUD_EVENT],
    ['POST', '/events', `${headers}\r\ncontent-type: application/cloudevents-batch+json`, `[${CLOUD_EVENT}]`],
    ['POST', '/events', `${headers}\r\nce-specversion: 1.0\r\nce-id: 1\r\nce-source: /a\r\nce-type: b`, 'data'],
    ['POST', '/events', `${headers}\r\ncontent-type: application/x-www-form-urlencoded`, 'a=b'],
    ['POST', '/events/cron/backup?type=run.ok&id=i', `${headers}\r\nidempotency-key: i`, 'backup failed'],
    ['POST', '/events/a%2Fb', `${headers}\r\ntransfer-encoding: chunked`, '5\r\nhello\r\n0\r\n\r\n'],
    ['POST', '/events/a', `${headers}\r\ncontent-type: text/plain; charset=iso-8859-1\r\nx-github-event: push`, 'é'],
    ['GET', '/events/orders/*?since=10m&type=order.*&envelope=1', `${headers}\r\nlast-event-id: k3f9a2b7.1`, ''],
    ['GET', '/events?topic=a&topic=b%2F**&format=json&limit=10&last=5', headers, ''],
    ['GET', '/events?since=earliest&format=ndjson', headers, ''],
    ['HEAD', '/events', headers, ''],
    ['GET', '/topics?pattern=orders/**&limit=5&page=b3JkZXJz', headers, ''],
    ['DELETE', '/events/k3f9a2b7.1', headers, ''],
    ['DELETE', '/topics/a', headers, ''],
    ['GET', '/whoami', headers, ''],
    ['POST', '/tickets', json, '{"topics":["orders/**"],"types":["order.*"],"sub":"bob","ttl":"1h"}'],
    ['OPTIONS', '/events', `${headers}\r\norigin: http://localhost:1\r\naccess-control-request-method: POST`, ''],
    ['GET', '/', `${headers}\r\nif-none-match: "a"\r\nforwarded: for=127.0.0.1`, ''],
    ['GET', '/openapi.json', headers, ''],
    ['GET', '/livez', headers, ''],
    ['GET', '/nowhere/at/all', headers, ''],
  ]
}

/** 505 is Bun's own, for a first line that is none of HTTP/1.1. */
function isFailure(status: number): boolean {
  return (status >= 500 && status !== 505) || (status > 0 && status < 200)
}

/** Never a 500, never a failure nobody foresaw, always an answer or an end. */
export async function fuzzHttp(target: Target, runs: number, seed = Date.now() & 0x7fffffff): Promise<FuzzReport> {
  const { served, samples, sessions } = target
  const started = performance.now()
  const requests = fc.array(hostile(samples), { minLength: AT_ONCE, maxLength: AT_ONCE })
  const answered = hangingOnce(async (all: Parts[]) => {
    const statuses = await Promise.all(
      all.map((parts) => statusOfAnswer(served.port, requestBytes(sessions.named(parts)))),
    )
    const wrong = statuses.findIndex(isFailure)
    if (wrong >= 0) throw new Error(`Answered ${statuses[wrong]}: ${JSON.stringify(all[wrong]).slice(0, 1000)}`)
    const [report] = served.reports.splice(0)
    if (report !== undefined) throw new Error(`A failure nobody foresaw: ${Bun.inspect(report).slice(0, 2000)}`)
  })
  await fc.assert(fc.asyncProperty(requests, answered), {
    numRuns: Math.ceil(runs / AT_ONCE),
    seed,
    includeErrorInReport: true,
  })
  return { runs: Math.ceil(runs / AT_ONCE) * AT_ONCE, seconds: (performance.now() - started) / 1000, seed }
}
