import { bearer, type TestKey } from './access.ts'
import { configuredKey, keysVariable } from './configured-key.ts'
import { Executable } from './executable.ts'
import type { Message } from './incoming.ts'
import { statelessRequest } from './stateless-hub.ts'
import { webhookSecretText } from './webhook-hub.ts'

/** A key that may do everything: webhooks need a credential that lasts. */
export function adminKey(name = 'admin'): TestKey {
  return configuredKey(name, { publish: ['**'], subscribe: ['**'], admin: true })
}

/** The executable with keys, that POSTs to this machine. */
export function webhookExecutable(keys: readonly TestKey[], env: Record<string, string> = {}): Promise<Executable> {
  return Executable.serve({
    MCP_SSE_WEBHOOKS_ALLOW_LOOPBACK: 'true',
    MCP_SSE_AUTH_KEYS: keysVariable(...keys),
    ...env,
  })
}

/** One who asks the executable, with one key or without. */
export class WebhookCaller {
  readonly #server: Pick<Executable, 'url'>
  readonly #key: string | undefined

  constructor(server: Pick<Executable, 'url'>, key?: string) {
    this.#server = server
    this.#key = key
  }

  /** The JSON-RPC answer, in 2026-07-28. */
  async ask(method: string, params: Record<string, unknown> = {}): Promise<Message> {
    const request = statelessRequest(method, params, this.#key === undefined ? {} : { key: this.#key })
    const response = await fetch(`${this.#server.url}/mcp`, request)
    const text = await response.text()
    // What takes its time streams.
    const messages = response.headers.get('content-type')?.startsWith('text/event-stream')
      ? text.split('\n').flatMap((line) => (line.startsWith('data: {') ? [line.slice(6)] : []))
      : [text]
    return JSON.parse(messages.at(-1)!)
  }

  subscribe(url: string, topic: string, more: Record<string, unknown> = {}): Promise<Message> {
    const { secret = webhookSecretText(), ...rest } = more
    return this.ask('events/subscribe', {
      name: 'topic.event',
      arguments: { topic },
      delivery: { mode: 'webhook', url, secret },
      ...rest,
    })
  }

  /** @returns the `id` of its subscription @throws for any other answer */
  async subscribed(url: string, topic: string, more: Record<string, unknown> = {}): Promise<string> {
    const { result, error } = await this.subscribe(url, topic, more)
    if (!result) throw new Error(`events/subscribe: ${JSON.stringify(error)}`)
    return result.id
  }

  /** @returns the id that webhooks know the event by */
  async publish(topic: string, data: unknown): Promise<string> {
    const response = await this.fetch(`/events/${topic}`, {
      method: 'POST',
      body: JSON.stringify(data),
      headers: { 'content-type': 'application/json' },
    })
    if (response.status !== 201) throw new Error(`Publishing: ${response.status} ${await response.text()}`)
    return eventIdOf(((await response.json()) as { cursor: string }).cursor)
  }

  // biome-ignore lint/suspicious/noExplicitAny: whatever was answered
  async json(path: string, init: RequestInit = {}): Promise<any> {
    const response = await this.fetch(path, init)
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    return response.json()
  }

  fetch(path: string, { headers, ...init }: RequestInit = {}): Promise<Response> {
    const own = this.#key === undefined ? {} : bearer(this.#key)
    return fetch(this.#server.url + path, { ...init, headers: { ...own, ...(headers as Record<string, string>) } })
  }
}

/** `evt_<epoch>_<offset>` */
export function eventIdOf(cursor: string): string {
  return `evt_${cursor.replace('.', '_')}`
}
