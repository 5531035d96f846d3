import { Client, InMemoryTransport } from '@modelcontextprotocol/client'
import type { CallToolResult } from '@modelcontextprotocol/server'
import { PageTokens } from '../../src/auth/page-tokens.ts'
import { PublishRate } from '../../src/auth/publish-rate.ts'
import type { Clock } from '../../src/core/clock.ts'
import { type GrantsDocument, parseGrants } from '../../src/core/grants.ts'
import type { HubLimits } from '../../src/core/hub.ts'
import { LOCAL, type Principal } from '../../src/core/principal.ts'
import { systemClock } from '../../src/daemon/clock.ts'
import { Answers } from '../../src/http/answers.ts'
import { type Asking, authInfoOf } from '../../src/mcp/asking.ts'
import type { Tool } from '../../src/mcp/catalogue/catalogue.ts'
import { hubCatalogue } from '../../src/mcp/catalogue/hub-catalogue.ts'
import { CatalogueServer } from '../../src/mcp/server.ts'
import { TICKET_SECRET } from './authority.ts'
import { memoryHub, type Retention, unforeseen } from './hub.ts'

export interface CatalogueHubOptions {
  clock?: Clock
  limits?: Partial<HubLimits>
  retention?: Retention
  /** Of all principals whose limits count. */
  publishRate?: number
  /** Memory for what requests read from the log. */
  answerBytes?: number
}

/** What the hub offers to agents, over a memory log, without HTTP in front of it. */
export async function catalogueHub({
  clock = systemClock,
  limits,
  retention,
  publishRate = 1_000_000,
  answerBytes = 64 * 1024 * 1024,
}: CatalogueHubOptions = {}) {
  const { hub, log, close } = await memoryHub(limits, retention, clock)
  const answers = new Answers(answerBytes)
  const pageTokens = new PageTokens(TICKET_SECRET)
  const catalogue = hubCatalogue({
    hub,
    clock,
    rate: new PublishRate({ perSecond: publishRate, now: clock.monotonic.bind(clock) }),
    pageTokens: () => pageTokens,
    reading: (principal) => answers.reading(principal),
    mode: () => 'credentials',
    version: '0.0.0-test',
  })
  const clients: Client[] = []
  return {
    hub,
    log,
    answers,
    catalogue,
    tool: (name: string): Tool => catalogue.tools.find(({ definition }) => definition.name === name)!,
    /** The SDK's client: it checks structured content against the output schema. */
    async client(principal: Principal = LOCAL): Promise<Client> {
      const [near, far] = InMemoryTransport.createLinkedPair()
      const send = near.send.bind(near)
      const authInfo = authInfoOf({ principal, address: '' })
      near.send = (message, options) => send(message, { ...options, authInfo })
      await new CatalogueServer({ catalogue, calls: hub.metrics.mcpCalls, report: unforeseen }, undefined).connect(far)
      const client = new Client({ name: 'mcp-sse-test', version: '1.0.0' })
      await client.connect(near)
      clients.push(client)
      return client
    },
    async close() {
      for (const client of clients) await client.close()
      await close()
    },
  }
}

export type CatalogueHub = Awaited<ReturnType<typeof catalogueHub>>

/** Somebody whose limits count. */
export function principalWith(id: string, grants: Partial<GrantsDocument>): Principal {
  return { id: `key:${id}`, grants: parseGrants(grants), expires: undefined, credential: id, limited: true }
}

/** One request, by itself. */
export function askingOf(principal: Principal = LOCAL, more: Partial<Asking> = {}): Asking {
  return {
    principal,
    address: '',
    version: '2025-11-25',
    signal: new AbortController().signal,
    progress: undefined,
    get context(): never {
      throw new Error('the catalogue goes by no more than the asking')
    },
    ...more,
  }
}

export function structured<T = Record<string, unknown>>(result: { structuredContent?: unknown }): T {
  if (result.structuredContent === undefined) throw new Error(`no result: ${JSON.stringify(result)}`)
  return result.structuredContent as T
}

/** The sentence of a result that says what was wrong. */
export function refusalText(result: Pick<CallToolResult, 'content' | 'isError'>): string {
  const [content] = result.content
  if (!result.isError || content?.type !== 'text') throw new Error(`not refused: ${JSON.stringify(result)}`)
  return content.text
}
