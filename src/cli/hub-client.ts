import type { Command } from 'commander'
import { isLocalUrlHost } from '../config/host.ts'
import { CommandFailure, usageFailure } from './failure.ts'
import { DEFAULT_URL, hubUrl } from './hub-url.ts'
import type { Io } from './io.ts'

export interface HubRequest {
  method?: 'GET' | 'POST' | 'DELETE'
  query?: URLSearchParams
  headers?: Record<string, string>
  body?: string
  signal?: AbortSignal
}

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

  constructor(verb: HubVerb, url: string, key: string | undefined) {
    this.verb = verb
    this.url = url
    this.#key = key
  }

  /**
   * The answer, whatever its status.
   * @throws CommandFailure when nobody answers; the signal's reason when it aborts.
   */
  async send(path: string, { method = 'GET', query, headers = {}, body, signal }: HubRequest): Promise<Response> {
    const authorization: Record<string, string> = this.#key ? { authorization: `Bearer ${this.#key}` } : {}
    const search = query?.size ? `?${query}` : ''
    try {
      return await fetch(`${this.url}${path}${search}`, {
        method,
        headers: { ...headers, ...authorization },
        // A redirected POST would arrive as a GET, and the key elsewhere.
        redirect: 'manual',
        // HTTP_PROXY counts for this machine too (Bun 1.4.5), and no proxy knows what listens here.
        ...(isLocalUrlHost(new URL(this.url).hostname) ? { proxy: false } : {}),
        ...(body === undefined ? {} : { body }),
        ...(signal ? { signal } : {}),
      })
    } catch (error) {
      if (signal?.aborted) throw error
      throw unreachable(this.url, error)
    }
  }

  /** @throws CommandFailure with the hub's own sentence unless the answer is a success. */
  async request(path: string, request: HubRequest): Promise<Response> {
    const response = await this.send(path, request)
    if (!response.ok) throw await failureOfAnswer(response, this)
    return response
  }
}

function unreachable(url: string, error: unknown): CommandFailure {
  const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : ''
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
  const shown = text.trim().replaceAll(/\s+/g, ' ').slice(0, MAX_SHOWN)
  return new CommandFailure(
    `${response.url} answered ${response.status} ${response.statusText}, which is not the answer of a hub: ${shown}`,
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
  if (verb.startsWith('webhooks ')) {
    return status === 404 ? `mcp-sse webhooks list --url ${url}` : `mcp-sse ${verb} --help`
  }
  return 'mcp-sse --help'
}

/** Milliseconds of `Retry-After` in seconds, at most five minutes; `undefined` if there is none. */
export function retryAfterMs(response: Response): number | undefined {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
  return seconds >= 0 ? Math.min(seconds, 300) * 1000 : undefined
}
