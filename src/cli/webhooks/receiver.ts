import { CommandFailure } from '../failure.ts'
import { challengeOf, type Receipt } from './receipt.ts'
import { signatureFault } from './signature-check.ts'

export interface ReceiverOptions {
  /** 0: the system chooses. */
  port: number
  key: Uint8Array
  /** Whether what `key` did not sign is refused with 401; else it is taken, and said to be unverified. */
  strict: boolean
  /** What deliveries are answered with, one after another; the last one from then on. */
  statuses: readonly number[]
  /** How many deliveries it is there for. Challenges and what was refused do not count. */
  count: number
  /** Milliseconds of the wall clock. */
  now: () => number
  /** Resolves when it was taken: only then the sender is answered. */
  print: (receipt: Receipt) => Promise<void>
}

/** A hub's bodies are at most 256 KiB; Bun answers what is larger with 413. */
const MAX_BODY_BYTES = 1024 * 1024
const STOP_MS = 1000
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** A receiver of webhooks on this machine: it answers challenges, checks signatures, and tells what came. */
export class Receiver {
  /** Resolves when `count` deliveries were printed. @throws what `print` throws */
  readonly done: Promise<void>
  readonly #options: ReceiverOptions
  readonly #server: Bun.Server<undefined>
  readonly #end = Promise.withResolvers<void>()
  #left: number
  #unprinted: number
  #taken = 0

  /** @throws CommandFailure for a port that cannot be had */
  constructor(options: ReceiverOptions) {
    this.#options = options
    this.#left = options.count
    this.#unprinted = options.count
    this.done = this.#end.promise
    // Whoever waits for it is told; before anybody does it is no uncaught error.
    this.done.catch(() => {})
    try {
      this.#server = Bun.serve({
        hostname: '127.0.0.1',
        port: options.port,
        development: false,
        reusePort: false,
        maxRequestBodySize: MAX_BODY_BYTES,
        fetch: (request) => this.#answer(request),
      })
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : ''
      const sentence = `Port ${options.port} of 127.0.0.1 cannot be listened on${code}.`
      throw new CommandFailure(sentence, 'mcp-sse webhooks listen --port 0', undefined, error)
    }
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.port}/`
  }

  /** Resolves when what it was asked is answered. */
  async stop(): Promise<void> {
    let late: ReturnType<typeof setTimeout> | undefined
    const patience = new Promise<void>((resolve) => {
      late = setTimeout(resolve, STOP_MS)
    })
    await Promise.race([this.#server.stop(false), patience])
    clearTimeout(late)
    await this.#server.stop(true)
  }

  async #answer(request: Request): Promise<Response> {
    if (request.method !== 'POST') {
      return new Response('Webhooks are POSTed here.\n', { status: 405, headers: { allow: 'POST' } })
    }
    const body = utf8.decode(await request.bytes())
    const { key, strict, now, print } = this.#options
    const { headers } = request
    const came = now()
    const fault = signatureFault(headers, body, key, came)
    const challenge = challengeOf(body)
    const refused = strict && fault !== undefined
    const counts = !refused && challenge === undefined
    // The sender keeps it for the next receiver.
    if (counts && this.#left === 0) return new Response(null, { status: 503 })
    if (counts) this.#left--
    const status = refused ? 401 : challenge === undefined ? this.#nextStatus() : 200
    const id = headers.get('webhook-id')
    const subscription = headers.get('x-mcp-subscription-id')
    try {
      await print({ time: new Date(came).toISOString(), status, fault, id, subscription, body })
    } catch (error) {
      this.#end.reject(error)
      return new Response(null, { status: 503 })
    }
    if (counts && --this.#unprinted === 0) this.#end.resolve()
    return status === 200 && challenge !== undefined ? Response.json({ challenge }) : new Response(null, { status })
  }

  #nextStatus(): number {
    const { statuses } = this.#options
    return statuses[Math.min(this.#taken++, statuses.length - 1)] ?? 204
  }
}
