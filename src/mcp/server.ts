import {
  type CompleteRequest,
  type CompleteResult,
  type HandlerResultTypeMap,
  McpServer,
  ProtocolError,
  ProtocolErrorCode,
  type RequestTypeMap,
  ResourceNotFoundError,
  type ServerContext,
  type Transport,
} from '@modelcontextprotocol/server'
import { HubError } from '../core/errors.ts'
import type { Grants } from '../core/grants.ts'
import type { HubMetrics } from '../core/metrics.ts'
import { quoted } from '../core/suggest.ts'
import { type Asking, callerOf, STATELESS } from './asking.ts'
import type { Catalogue, Prompt, ResourceKind, Tool } from './catalogue/catalogue.ts'
import { kindOf } from './catalogue/resource-kind.ts'
import { refusedResult } from './catalogue/tool-result.ts'
import { anyParams, CHECKED_BEFORE, type CheckedMethod, checkBefore, checkedRequest } from './checked-request.ts'
import { EVENTS_CAPABILITIES, type McpEvents } from './events/events.ts'
import { eventsErrorOf } from './events/events-error.ts'
import { protocolErrorOf, refusalOf } from './refusal.ts'

export interface ServerPlan {
  catalogue: Catalogue
  /** `undefined`: the extension is not offered. */
  events?: McpEvents | undefined
  /** Of tools. */
  calls: HubMetrics['mcpCalls']
  /** Failures nobody foresaw. */
  report: (error: unknown) => void
}

/** What a session adds: the versions before 2026-07-28 subscribe to one resource at a time, for the session. */
export interface Subscriptions {
  /** @throws HubError */
  subscribe(uri: string, asking: Asking): void | Promise<void>
  unsubscribe(uri: string): void
}

/** What a client of 2026-07-28 may keep. Private: it goes by the grants of who asked. Whoever listens is told of a change. */
const KEPT = { ttlMs: 60_000, cacheScope: 'private' } as const
/** What is not here (which topics there are, what is in them) is stale at once. */
const cacheHints = {
  'server/discover': KEPT,
  'tools/list': KEPT,
  'prompts/list': KEPT,
  'resources/templates/list': KEPT,
}

/** Values of a completion that one answer has (server/utilities/completion: at most 100). */
const MOST_COMPLETIONS = 100

/**
 * The one registration of the catalogue: an SDK server for one session, or for one request of 2026-07-28. Nothing is
 * registered by name: handlers go through the catalogue by the grants of the request, so a reload counts at once and a
 * server costs no more for more tools (a session: 24-25 KiB, measured).
 */
export class CatalogueServer extends McpServer {
  readonly #plan: ServerPlan

  constructor(plan: ServerPlan, subscriptions: Subscriptions | undefined) {
    const { name, title, version, instructions, capabilities, requestState } = plan.catalogue
    // Not given to the constructor: it would register handlers of its own.
    super({ name, title, version }, { instructions, cacheHints, ...(requestState ? { requestState } : {}) })
    this.#plan = plan
    this.server.registerCapabilities({
      tools: { listChanged: true },
      resources: { subscribe: true, listChanged: true },
      prompts: { listChanged: true },
      completions: {},
      ...capabilities,
    })
    this.server.onerror = () => {}
    this.#registerTools()
    this.#registerResources()
    this.#registerPrompts()
    this.#handle('completion/complete', ({ params }, asking) => this.#complete(params, asking))
    if (subscriptions) this.#registerSubscriptions(subscriptions)
    if (plan.events) this.#registerEvents(plan.events)
  }

  /** What the SDK checks `Mcp-Param-*` headers by, before it dispatches a call. */
  override toolInputSchemaJson(name: string): Record<string, unknown> | undefined {
    return this.#plan.catalogue.tools.find((tool) => tool.definition.name === name)?.definition.inputSchema
  }

  override async connect(transport: Transport): Promise<void> {
    await super.connect(transport)
    checkBefore(transport, this.#plan.report)
  }

  #registerTools(): void {
    const { tools } = this.#plan.catalogue
    this.#handle('tools/list', async (_, { principal }) => ({
      tools: tools.filter((tool) => tool.offered(principal.grants)).map((tool) => tool.definition),
    }))
    this.#handle('tools/call', async ({ params }, asking) => {
      const known = tools.some(({ definition }) => definition.name === params.name)
      this.#plan.calls.add(known ? params.name : 'other', asking.version)
      const tool = find(tools, params.name, asking.principal.grants, 'tool')
      try {
        return await tool.call(params.arguments, asking)
      } catch (error) {
        if (error instanceof ProtocolError) throw error
        return refusedResult(refusalOf(error, this.#plan.report))
      }
    })
  }

  #registerResources(): void {
    const { resources } = this.#plan.catalogue
    this.#handle('resources/list', async (_, asking) => ({
      resources: (await Promise.all(resources.map((kind) => kind.list?.(asking) ?? []))).flat(),
    }))
    this.#handle('resources/templates/list', async (_, { principal }) => ({
      resourceTemplates: offeredTo(resources, principal.grants).flatMap(({ template }) => template ?? []),
    }))
    this.#handle('resources/read', async ({ params: { uri } }, asking) => {
      try {
        return await kindOf(resources, uri).read(uri, asking)
      } catch (error) {
        if (error instanceof HubError && error.code === 'not-found') throw new ResourceNotFoundError(uri, error.message)
        throw error
      }
    })
  }

  #registerPrompts(): void {
    const { prompts } = this.#plan.catalogue
    this.#handle('prompts/list', async (_, { principal }) => ({
      prompts: prompts.filter((prompt) => prompt.offered(principal.grants)).map((prompt) => prompt.definition),
    }))
    this.#handle('prompts/get', async ({ params }, asking) =>
      find(prompts, params.name, asking.principal.grants, 'prompt').get(params.arguments ?? {}, asking),
    )
  }

  #registerSubscriptions(subscriptions: Subscriptions): void {
    this.#handle('resources/subscribe', async ({ params: { uri } }, asking) => {
      await subscriptions.subscribe(uri, asking)
      return {}
    })
    this.#handle('resources/unsubscribe', async ({ params: { uri } }) => {
      subscriptions.unsubscribe(uri)
      return {}
    })
  }

  #registerEvents(events: McpEvents): void {
    this.server.registerCapabilities(EVENTS_CAPABILITIES)
    const { catalogue, report } = this.#plan
    const { name, title, version } = catalogue
    for (const [method, answer] of Object.entries(events.methods)) {
      this.server.setRequestHandler(method, { params: anyParams }, async (params, context) => {
        const numbers = events.numbersFor(this.server.getClientCapabilities())
        try {
          const server = { name, title, version }
          return await answer({ params, asking: this.#asking(context), numbers, server, report })
        } catch (error) {
          throw eventsErrorOf(error, numbers, report)
        }
      })
    }
  }

  async #complete({ ref, argument }: CompleteRequest['params'], asking: Asking): Promise<CompleteResult> {
    const { prompts, resources } = this.#plan.catalogue
    const { name, value } = argument
    const found =
      ref.type === 'ref/prompt'
        ? await find(prompts, ref.name, asking.principal.grants, 'prompt').complete?.(name, value, asking)
        : await templated(offeredTo(resources, asking.principal.grants), ref.uri).complete?.(name, value, asking)
    const values = (found ?? []).slice(0, MOST_COMPLETIONS)
    const hasMore = values.length < (found?.length ?? 0)
    // Who looks for more than that does not count the rest.
    return { completion: { values, hasMore, ...(hasMore ? {} : { total: values.length }) } }
  }

  #handle<Method extends CheckedMethod>(
    method: Method,
    run: (request: RequestTypeMap[Method], asking: Asking) => Promise<HandlerResultTypeMap[Method]>,
  ): void {
    this.server.setRequestHandler(method, { params: anyParams }, async (params, context) => {
      try {
        // Checked before it came here.
        const request = method === CHECKED_BEFORE ? { method, params } : checkedRequest(method, params)
        return await run(request as RequestTypeMap[Method], this.#asking(context))
      } catch (error) {
        // The SDK would put the words of any error on the wire.
        throw protocolErrorOf(error, this.#plan.report)
      }
    })
  }

  #asking(context: ServerContext): Asking {
    const { signal, _meta, notify } = context.mcpReq
    const progressToken = _meta?.progressToken
    return {
      ...callerOf(context),
      version: this.server.getNegotiatedProtocolVersion() ?? STATELESS,
      signal,
      progress:
        progressToken === undefined
          ? undefined
          : async (progress, total, message) => {
              const params = { progressToken, progress, total, message }
              try {
                await notify({ method: 'notifications/progress', params })
              } catch (error) {
                // Nobody is there any more; what is being done for them learns it by the signal.
                if (!signal.aborted) throw error
              }
            },
      context,
    }
  }
}

/** By its name, if the caller may use it; else there is none. */
function find<Entry extends Pick<Tool | Prompt, 'offered'> & { definition: { name: string } }>(
  entries: readonly Entry[],
  name: string,
  grants: Grants,
  what: 'tool' | 'prompt',
): Entry {
  const entry = entries.find(({ definition }) => definition.name === name)
  if (entry?.offered(grants)) return entry
  const offered = entries.filter((each) => each.offered(grants)).map(({ definition }) => definition.name)
  const there = offered.length > 0 ? `Known: ${offered.join(', ')}.` : `This credential is offered none.`
  throw new ProtocolError(ProtocolErrorCode.InvalidParams, `There is no ${what} ${quoted(name)}. ${there}`)
}

function offeredTo(kinds: readonly ResourceKind[], grants: Grants): ResourceKind[] {
  return kinds.filter((kind) => kind.offered?.(grants) ?? true)
}

function templated(kinds: readonly ResourceKind[], template: string): ResourceKind {
  const kind = kinds.find((each) => each.template?.uriTemplate === template)
  if (kind) return kind
  throw new HubError('invalid-arguments', `There is no resource template ${quoted(template)}.`)
}
