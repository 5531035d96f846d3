import { isLocalUrlHost } from '../../config/host.ts'
import { unreachable } from '../client/hub-client.ts'

export interface Asking {
  method?: string
  headers?: Record<string, string>
  body?: string
  /** `none`: without a credential. `own`: with the key, if there is one. */
  credential?: 'none' | 'own'
  timeoutMs?: number
  /** Also after an interruption: for what has to be put back in order. */
  whateverHappens?: true
}

export interface Answer {
  status: number
  headers: Headers
  /** At most 256 KiB of it. */
  text: string
  /** From the request to the end of the answer. */
  ms: number
  /** The `code` of a problem document: then it was the hub that answered. */
  code: string | undefined
  /** And its sentence. */
  detail: string | undefined
}

const PATIENCE_MS = 10_000
const MOST_READ = 256 * 1024

/** No answer came: what was asked, and how it ended. */
export class NoAnswer extends Error {
  readonly code: string | undefined
  /** How it ended, by itself. */
  readonly sentence: string

  constructor(what: string, url: string, timeoutMs: number, cause: unknown) {
    const late = cause instanceof Error && cause.name === 'TimeoutError'
    const sentence = late ? `No answer in ${timeoutMs / 1000} s.` : unreachable(url, cause).message
    super(`${what}: ${sentence}`, { cause })
    this.name = 'NoAnswer'
    this.code = codeOf(cause)
    this.sentence = sentence
  }
}

/**
 * The way to the hub from here. Redirects are not followed: the key would go along. Nor is HTTP_PROXY: the handshake of
 * TLS is made directly, and both are to be of one way.
 */
export class Way {
  readonly url: string
  /** Requests stay on this machine. */
  readonly local: boolean
  readonly signal: AbortSignal
  readonly #key: string | undefined

  /** @param url without a slash at the end */
  constructor(url: string, key: string | undefined, signal: AbortSignal) {
    this.url = url
    this.local = isLocalUrlHost(new URL(url).hostname)
    this.signal = signal
    this.#key = key
  }

  get hasKey(): boolean {
    return this.#key !== undefined
  }

  /** To something else, with no key. */
  to(url: string): Way {
    return new Way(url, undefined, this.signal)
  }

  get origin(): string {
    return new URL(this.url).origin
  }

  /** @throws NoAnswer */
  async ask(path: string, asking: Asking = {}): Promise<Answer> {
    const started = performance.now()
    const { method = 'GET', timeoutMs = PATIENCE_MS } = asking
    const late = AbortSignal.timeout(timeoutMs)
    const signal = asking.whateverHappens ? late : AbortSignal.any([this.signal, late])
    try {
      const response = await this.send(path, asking, signal)
      const text = await bounded(response)
      return {
        status: response.status,
        headers: response.headers,
        text,
        ms: Math.round(performance.now() - started),
        ...problemIn(response, text),
      }
    } catch (error) {
      throw new NoAnswer(`${method} ${path.split('?')[0]}`, this.url, timeoutMs, error)
    }
  }

  /** The answer as soon as it begins, its body undecoded. @throws what `fetch` throws */
  send(path: string, { method = 'GET', headers = {}, body, credential = 'own' }: Asking, signal: AbortSignal) {
    const authorization: Record<string, string> =
      credential === 'own' && this.#key !== undefined ? { authorization: `Bearer ${this.#key}` } : {}
    return fetch(this.url + path, {
      method,
      // What compresses is looked at by the probe for it alone.
      headers: { 'accept-encoding': 'identity', 'user-agent': 'mcp-sse doctor', ...authorization, ...headers },
      redirect: 'manual',
      decompress: false,
      signal,
      proxy: false,
      ...(body === undefined ? {} : { body }),
    } as RequestInit)
  }
}

async function bounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  const reader = response.body?.getReader()
  while (reader && bytes < MOST_READ) {
    const { done, value } = await reader.read()
    if (done) return Buffer.concat(chunks).toString()
    chunks.push(value)
    bytes += value.byteLength
  }
  await reader?.cancel()
  return Buffer.concat(chunks).toString()
}

function problemIn(response: Response, text: string): Pick<Answer, 'code' | 'detail'> {
  const none = { code: undefined, detail: undefined }
  if (!response.headers.get('content-type')?.startsWith('application/problem+json')) return none
  const { code, detail } = fieldsOf(text)
  return typeof code === 'string' ? { code, detail: typeof detail === 'string' ? detail : undefined } : none
}

/** The fields of a JSON object; none if the text is something else. */
export function fieldsOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    return {}
  }
}

/** Bun's own sentences about sockets end in advice for programmers; their code says as much. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
