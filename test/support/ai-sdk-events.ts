import {
  createMCPClient,
  type Experimental_MCPEventStore as MCPEventStore,
  type Experimental_MCPEventSubscription as MCPEventSubscription,
  experimental_createMCPEventWebhook as webhook,
} from '@ai-sdk/mcp'
import { bearer } from './access.ts'
import { registerSecret } from './secrets.ts'

/** What the receiver of the AI SDK handed over, in the order in which it did. */
export interface Handed {
  kind: 'event' | 'gap' | 'terminated'
  subscription: string
  // biome-ignore lint/suspicious/noExplicitAny: its event, gap or termination
  value: any
}

/** The least that its client and its receiver keep between them. */
export class AiSdkStore implements MCPEventStore {
  readonly rows = new Map<string, MCPEventSubscription>()

  async get(key: string) {
    return this.rows.get(key)
  }

  async getById(id: string) {
    return [...this.rows.values()].find((row) => row.id === id)
  }

  async set(row: MCPEventSubscription) {
    for (const text of JSON.stringify(row).match(/whsec_[A-Za-z0-9+/=]+/g) ?? []) {
      registerSecret(text, 'the secret the AI SDK made')
    }
    this.rows.set(row.key, row)
  }

  async update(key: string, patch: Partial<MCPEventSubscription>) {
    const row = this.rows.get(key)
    if (row) this.rows.set(key, { ...row, ...patch })
  }

  async delete(key: string) {
    this.rows.delete(key)
  }
}

/** The receiver of the AI SDK on a socket of its own: it verifies, answers challenges and looks at what it is sent. */
export class AiSdkReceiver {
  readonly store = new AiSdkStore()
  readonly handed: Handed[] = []
  /** Status of each answer, with the type of what it answered. */
  readonly answers: { kind: string; status: number }[] = []
  readonly errors: unknown[] = []
  /** So many events are handed over and not kept: 503. */
  refusing = 0
  readonly #server: Bun.Server<undefined>

  constructor() {
    const hand = (kind: Handed['kind'], subscription: { id?: string | undefined }, value: unknown) =>
      void this.handed.push({ kind, subscription: subscription.id ?? '', value })
    const take = webhook({
      store: this.store,
      onEvent: async ({ subscription, event }) => {
        hand('event', subscription, event)
        if (this.refusing-- > 0) throw new Error('It was not kept.')
      },
      onGap: async ({ subscription, gap }) => hand('gap', subscription, gap),
      onTerminated: async ({ subscription, termination }) => hand('terminated', subscription, termination),
      onError: (error: unknown) => void this.errors.push(error),
    })
    this.#server = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: async (request) => {
        const { type = 'event' } = (await request.clone().json()) as { type?: string }
        const answer = await take(request)
        this.answers.push({ kind: type, status: answer.status })
        return answer
      },
    })
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.port}/cb`
  }

  /** Data of the events that were handed over. */
  get data(): unknown[] {
    return this.handed.flatMap(({ kind, value }) => (kind === 'event' ? [value.data] : []))
  }

  of(kind: Handed['kind']): unknown[] {
    return this.handed.flatMap((each) => (each.kind === kind ? [each.value] : []))
  }

  async close(): Promise<void> {
    await this.#server.stop(true)
  }
}

export interface AiSdkWay {
  /** Without it, 2026-07-28 is not asked for. */
  discovery: boolean
  path: '/mcp' | '/sse'
}

/** A client of the AI SDK that shares its subscriptions with a receiver. */
export function aiSdkEvents(serverUrl: string, key: string, store: AiSdkStore, { discovery, path }: AiSdkWay) {
  return createMCPClient({
    transport: { type: path === '/sse' ? 'sse' : 'http', url: serverUrl + path, headers: bearer(key) },
    protocolVersionDiscovery: discovery,
    experimental_events: { store },
  })
}
