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
} from '@modelcontextprotocol/server'
import { HubError } from '../core/errors.ts'
import type { Grants } from '../core/grants.ts'
import { quoted } from '../core/suggest.ts'
import { type Asking, callerOf, STATELESS } from './asking.ts'
import type { Catalogue, Prompt, ResourceKind, Tool, Watched } from './catalogue/catalogue.ts'
import { refusedResult } from './catalogue/tool-result.ts'
import { anyParams, type CheckedMethod, checkedRequest } from './checked-request.ts'
import { protocolErrorOf, refusalOf } from './refusal.ts'

export interface ServerPlan {
  catalogue: Catalogue
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
 * server costs no more for more tools (measured: 44 against 110 KiB a session).
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
  }

  /** What the SDK checks `Mcp-Param-*` headers by, before it dispatches a call. */
  override toolInputSchemaJson(name: string): Record<string, unknown> | undefined {
    return this.#plan.catalogue.tools.find((tool) => tool.definition.name === name)?.definition.inputSchema
  }

  #registerTools(): void {
    const { tools } = this.#plan.catalogue
    this.#handle('tools/list', async (_, { principal }) => ({
      tools: tools.filter((tool) => tool.offered(principal.grants)).map((tool) => tool.definition),
    }))
    this.#handle('tools/call', async ({ params }, asking) => {
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
    this.#handle('resources/templates/list', async () => ({
      resourceTemplates: resources.flatMap(({ template }) => template ?? []),
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

  async #complete({ ref, argument }: CompleteRequest['params'], asking: Asking): Promise<CompleteResult> {
    const { prompts, resources } = this.#plan.catalogue
    const { name, value } = argument
    const found =
      ref.type === 'ref/prompt'
        ? await find(prompts, ref.name, asking.principal.grants, 'prompt').complete?.(name, value, asking)
        : await templated(resources, ref.uri).complete?.(name, value, asking)
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
        return await run(await checkedRequest(method, params), this.#asking(context))
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
  const there = offered.length > 0 ? `There are ${offered.join(', ')}.` : `This credential is offered none.`
  throw new ProtocolError(ProtocolErrorCode.InvalidParams, `There is no ${what} ${quoted(name)}. ${there}`)
}

function kindOf(kinds: readonly ResourceKind[], uri: string): ResourceKind {
  const kind = kinds.find((each) => each.matches(uri))
  if (kind) return kind
  throw new ResourceNotFoundError(uri, `Resource not found: ${quoted(uri)}`)
}

function templated(kinds: readonly ResourceKind[], template: string): ResourceKind {
  const kind = kinds.find((each) => each.template?.uriTemplate === template)
  if (kind) return kind
  throw new HubError('invalid-arguments', `There is no resource template ${quoted(template)}.`)
}

/** What to watch for a subscription to `uri`. @throws HubError */
export function watchedBy({ resources }: Catalogue, uri: string, grants: Grants): Watched {
  const kind = kindOf(resources, uri)
  if (kind.watched) return kind.watched(uri, grants)
  throw new HubError('invalid-arguments', 'This resource never changes, so there is nothing to subscribe to.')
}
