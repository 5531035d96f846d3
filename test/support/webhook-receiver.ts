import { Webhook } from 'standardwebhooks'

/** One POST that came. */
export interface Received {
  path: string
  /** `webhook-id` */
  id: string
  subscription: string
  timestamp: string
  signature: string
  body: string
  // biome-ignore lint/suspicious/noExplicitAny: whatever was sent
  json: any
  headers: Headers
  at: number
}

export interface WebhookReceiverOptions {
  /** Of everything but the challenge. Default: 204. */
  answer?: (received: Received) => Response | Promise<Response>
  /** Of the challenge. Default: its echo. */
  prove?: (received: Received) => Response | Promise<Response>
  /** Of one that goes and comes back: below the range of outgoing connections. Default: any. */
  port?: number
}

/** A callback on loopback, on a socket of its own. */
export class WebhookReceiver {
  readonly challenges: Received[] = []
  /** gap and terminated. */
  readonly notices: Received[] = []
  /** Every attempt. */
  readonly attempts: Received[] = []
  answer: NonNullable<WebhookReceiverOptions['answer']>
  prove: NonNullable<WebhookReceiverOptions['prove']>
  readonly #server: Bun.Server<undefined>

  constructor({ answer, prove, port = 0 }: WebhookReceiverOptions = {}) {
    this.answer = answer ?? (() => new Response(null, { status: 204 }))
    this.prove = prove ?? (({ json }) => Response.json({ challenge: json.challenge }))
    // What is held up is held up by who asks for it: no connection ends because nothing went over it for a while.
    const fetch = (request: Request) => this.#take(request)
    this.#server = Bun.serve({ port, hostname: '127.0.0.1', idleTimeout: 0, fetch })
  }

  get port(): number {
    return this.#server.port!
  }

  url(path = '/hook'): string {
    return `http://127.0.0.1:${this.port}${path}`
  }

  /** Data of the events that came, in the order in which they did, each as often as it came. */
  get data(): unknown[] {
    return this.attempts.map(({ json }) => json.data.data)
  }

  async close(): Promise<void> {
    await this.#server.stop(true)
  }

  async #take(request: Request): Promise<Response> {
    const { headers } = request
    const body = await request.text()
    const received: Received = {
      path: new URL(request.url).pathname,
      id: headers.get('webhook-id') ?? '',
      subscription: headers.get('x-mcp-subscription-id') ?? '',
      timestamp: headers.get('webhook-timestamp') ?? '',
      signature: headers.get('webhook-signature') ?? '',
      body,
      json: JSON.parse(body),
      headers,
      at: performance.now(),
    }
    if (received.json.type === 'verification') {
      this.challenges.push(received)
      return this.prove(received)
    }
    if (received.json.eventId === undefined && received.json.type !== undefined && received.subscription !== '') {
      this.notices.push(received)
      return this.answer(received)
    }
    this.attempts.push(received)
    return this.answer(received)
  }
}

/** Whether somebody else's verifier takes it. */
export function verifies({ headers, body }: Received, secret: string): boolean {
  try {
    new Webhook(secret).verify(body, Object.fromEntries(headers))
    return true
  } catch {
    return false
  }
}
