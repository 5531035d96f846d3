import type { Command } from 'commander'
import { isLocalUrlHost } from '../../config/host.ts'
import { plain } from '../display.ts'
import { CommandFailure, usageFailure } from '../failure.ts'
import type { Io } from '../io.ts'
import { DEFAULT_URL, hubUrl } from './hub-url.ts'

export interface HubRequest {
  method?: 'GET' | 'POST' | 'DELETE'
  query?: URLSearchParams
  headers?: Record<string, string>
  body?: string
  signal?: AbortSignal
  /** How long to wait for the head of the answer; its body may take longer. Without it, Bun's own five minutes. */
  answerMs?: number
}

/** A commit waits for its disk; nothing that one asks for waits for somebody else. */
const ANSWER_MS = 60_000

export function addHubFlags(command: Command): void {
  command.option('--url <url>', `where the hub is (MCP_SSE_URL; default: ${DEFAULT_URL})`)
}

/** What the client commands are called with: what to type again with a key that may. */
const USES = {
  publish: 'publish <topic> <data>',
  subscribe: 'subscribe <pattern>',
  topics: 'topics',
  run: 'run <topic> -- <command>',
  health: 'health',
  doctor: 'doctor <url>',
  stdio: 'stdio',
  'connections list': 'connections list',
  'connections end': 'connections end <id>',
  'webhooks list': 'webhooks list',
  'webhooks show': 'webhooks show <id>',
  'webhooks disable': 'webhooks disable <id>',
  'webhooks enable': 'webhooks enable <id>',
  'webhooks redeliver': 'webhooks redeliver <id> --event <cursor>',
} as const

export type HubVerb = keyof typeof USES

/** The hub of `--url` or `MCP_SSE_URL`, asked by `verb` with the key of `MCP_SSE_KEY`. */
export function hubClient(
  verb: HubVerb,
  options: { url?: string },
  { env, stderr }: Pick<Io, 'env' | 'stderr'>,
): HubClient {
  const url = hubUrl(options.url ? ['--url', options.url] : ['MCP_SSE_URL', env.MCP_SSE_URL || DEFAULT_URL])
  const key = env.MCP_SSE_KEY || undefined
  if (key !== undefined && !/^[\x21-\x7e]+$/.test(key)) {
    throw usageFailure(
      'MCP_SSE_KEY is no key: it has spaces, line breaks or characters that are not ASCII.',
      'export MCP_SSE_KEY="$(cat <the file with the key>)"',
    )
  }
  if (key !== undefined && url.protocol === 'http:' && !isLocalUrlHost(url.hostname)) {
    const warning = `mcp-sse: ${url.origin} is not https: everyone on the way can read the key of MCP_SSE_KEY.\n`
    // When nobody reads stderr any more there is nobody to warn.
    void stderr.write(warning).catch(() => {})
  }
  return new HubClient(verb, url.href.replace(/\/$/, ''), key)
}

export class HubClient {
  readonly verb: HubVerb
  readonly url: string
  readonly #key: string | undefined
  readonly #anyCertificate: boolean

  /** `anyCertificate`: it is on this machine, whatever it shows is taken. Never where a key is sent. */
  constructor(verb: HubVerb, url: string, key: string | undefined, { anyCertificate = false } = {}) {
    this.verb = verb
    this.url = url
    this.#key = key
    this.#anyCertificate = anyCertificate
  }

  /**
   * The answer, whatever its status.
   * @throws CommandFailure when nobody answers; the signal's reason when it aborts.
   */
  async send(path: string, request: HubRequest): Promise<Response> {
    const { method = 'GET', query, headers = {}, body, signal, answerMs } = request
    const silence = answerMs === undefined ? undefined : new AbortController()
    const timer = silence && setTimeout(() => silence.abort(), answerMs)
    const signals = [signal, silence?.signal].filter((one) => one !== undefined)
    const authorization: Record<string, string> = this.#key ? { authorization: `Bearer ${this.#key}` } : {}
    const search = query?.size ? `?${query}` : ''
    try {
      return await fetch(`${this.url}${path}${search}`, {
        method,
        headers: { ...headers, ...authorization },
        // A redirected POST would arrive as a GET, and the key elsewhere.
        redirect: 'manual',
        // HTTP_PROXY counts for this machine too (Bun 1.4.5), and no proxy knows what listens here.
        ...(isLocalUrlHost(new URL(this.url).hostname) || this.#anyCertificate ? { proxy: false } : {}),
        ...(this.#anyCertificate && this.#key === undefined ? { tls: { rejectUnauthorized: false } } : {}),
        ...(body === undefined ? {} : { body }),
        ...(signals.length > 0 ? { signal: AbortSignal.any(signals) } : {}),
      })
    } catch (error) {
      if (signal?.aborted) throw error
      if (silence?.signal.aborted) throw silent(this.url, answerMs)
      throw unreachable(this.url, error)
    } finally {
      clearTimeout(timer)
    }
  }

  /** @throws CommandFailure with the hub's own sentence unless the answer is a success. */
  async request(path: string, request: HubRequest): Promise<Response> {
    const response = await this.send(path, { answerMs: ANSWER_MS, ...request })
    if (!response.ok) throw await failureOfAnswer(response, this)
    return response
  }
}

/** What BoringSSL, and Bun 1.4.5 over it, call a certificate that is not as it should be. */
const BAD_CERTIFICATE = /CERT|SELF_SIGNED|LEAF_SIGNATURE/

function silent(url: string, answerMs: number | undefined, cause?: unknown): CommandFailure {
  const within = answerMs === undefined ? 'in time' : `within ${answerMs / 1000} s`
  return new CommandFailure(`What listens at ${url} did not answer ${within}.`, `curl ${url}/readyz`, undefined, cause)
}

/** What `fetch` threw for `url`, as a sentence with something to type. */
export function unreachable(url: string, error: unknown): CommandFailure {
  // Bun's own patience, and no code to show: a DOMException has a number there.
  if (error instanceof Error && error.name === 'TimeoutError') return silent(url, undefined, error)
  const name = error instanceof Error && 'code' in error ? String(error.code) : undefined
  const code = name === undefined ? '' : ` (${name})`
  if (name !== undefined && BAD_CERTIFICATE.test(name)) {
    return new CommandFailure(
      `What answers at ${url} shows a certificate that is not trusted here${code}.`,
      `NODE_EXTRA_CA_CERTS=<PEM file of its authority> mcp-sse topics --url ${url}`,
      undefined,
      error,
    )
  }
  if (name === 'ECONNRESET' && url.startsWith('http:')) {
    return new CommandFailure(
      `What listens at ${url} closed the connection without an answer${code}: it may speak https.`,
      `mcp-sse topics --url ${url.replace(/^http:/, 'https:')}`,
      undefined,
      error,
    )
  }
  return new CommandFailure(
    `No hub answers at ${url}${code}.`,
    'mcp-sse serve, or name the hub with --url',
    undefined,
    error,
  )
}

const MAX_SHOWN = 300

/** What `hub` said in its problem document, as a failure. Takes the body. */
export async function failureOfAnswer(response: Response, hub: HubClient): Promise<CommandFailure> {
  return failureOfText(response, await response.text(), hub)
}

/** The same of an answer whose body was read: `text`, or as much of it as anybody wants to see. */
export function failureOfText(response: Response, text: string, hub: HubClient): CommandFailure {
  if (response.headers.get('content-type')?.startsWith('application/problem+json')) {
    const problem = parseProblem(text)
    if (problem) {
      const place = problem.pointer ? ` at ${problem.pointer}` : ''
      return new CommandFailure(`${problem.detail} [${problem.code}${place}]`, hintFor(response.status, hub))
    }
  }
  const location = response.headers.get('location')
  // The origin alone is safe to type: a path may hold what a shell obeys.
  const moved = location === null ? null : URL.parse(location, response.url)
  if (moved?.host)
    return new CommandFailure(`The hub has moved to ${moved.href}.`, `mcp-sse topics --url ${moved.origin}`)
  return notOfHub(response, text)
}

/** An answer that no hub gives; `text` is its body, or as much of it as anybody wants to see. */
export function notOfHub(response: Response, text: string): CommandFailure {
  const shown = plain(text.trim().replaceAll(/\s+/g, ' ').slice(0, MAX_SHOWN))
  return new CommandFailure(
    `${response.url} answered ${response.status} ${response.statusText}, which is not the answer of a hub: ${shown || 'nothing'}`,
    `mcp-sse topics --url ${DEFAULT_URL}`,
  )
}

function parseProblem(text: string): { detail: string; code: string; pointer: string | undefined } | undefined {
  try {
    const { detail, title, code, pointer } = JSON.parse(text)
    if (typeof code !== 'string') return undefined
    const sentence = typeof detail === 'string' ? detail : typeof title === 'string' ? title : 'Refused.'
    return { detail: sentence, code, pointer: typeof pointer === 'string' ? pointer : undefined }
  } catch {
    // Said to be a problem document and is none: shown as it is.
    return undefined
  }
}

function hintFor(status: number, { verb, url }: HubClient): string {
  if (status === 401 || status === 403) return `MCP_SSE_KEY=<key> mcp-sse ${USES[verb]} --url ${url}`
  if (status === 429 || status >= 500) return `curl ${url}/readyz`
  const [group, action] = verb.split(' ')
  return status === 404 && action ? `mcp-sse ${group} list --url ${url}` : helpOf(verb)
}

/** What is advised when there is nothing better. */
export function helpOf(verb: HubVerb): string {
  return `mcp-sse ${verb} --help`
}

/** Milliseconds of `Retry-After` in seconds, at most five minutes; `undefined` if there is none. */
export function retryAfterMs(response: Response): number | undefined {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
  return seconds >= 0 ? Math.min(seconds, 300) * 1000 : undefined
}
