import type {
  CallToolResult,
  GetPromptResult,
  InputRequiredResult,
  Prompt as PromptDefinition,
  ReadResourceResult,
  Resource,
  ResourceTemplateType,
  ServerCapabilities,
  ServerOptions,
  Tool as ToolDefinition,
} from '@modelcontextprotocol/server'
import type { Filter } from '../../core/filter.ts'
import type { Grants } from '../../core/grants.ts'
import type { Asking } from '../asking.ts'

/** What a client may call. `defineTool` makes them. */
export interface Tool {
  definition: ToolDefinition
  /** Tools that one may not use are not listed, and are unknown when called. */
  offered(grants: Grants): boolean
  /** `input` is as the client sent it. @throws HubError: what the model is told, so that it can do better */
  call(input: unknown, asking: Asking): Promise<CallToolResult | InputRequiredResult>
}

/** What a subscription to a resource waits for. */
export type Watched =
  /** An event that the filter, narrowed to the grants, matches. */
  | { kind: 'events'; filter: Filter }
  /** A topic that was not there before. */
  | { kind: 'topics'; filter: Filter }

/** One kind of resource: a URI, or all URIs of one template. */
export interface ResourceKind {
  template?: ResourceTemplateType
  /** Whether the template is listed and completes; left out: for everybody. */
  offered?(grants: Grants): boolean
  /** Whether `uri` is of this kind, whatever is behind it. */
  matches(uri: string): boolean
  /** Those worth listing, the most useful first. */
  list?(asking: Asking): Promise<Resource[]>
  /** @throws HubError `not-found`, `forbidden` and what reading the log throws */
  read(uri: string, asking: Asking): Promise<ReadResourceResult>
  /** Of a kind that may be subscribed to. @throws HubError `forbidden`, `invalid-pattern` */
  watched?(uri: string, grants: Grants): Watched
  /** Values for one variable of the template that begin with `value`. */
  complete?(variable: string, value: string, asking: Asking): Promise<string[]>
}

export interface Prompt {
  definition: PromptDefinition
  offered(grants: Grants): boolean
  /** @throws HubError for arguments that are missing or wrong */
  get(values: Record<string, string>, asking: Asking): Promise<GetPromptResult | InputRequiredResult>
  complete?(argument: string, value: string, asking: Asking): Promise<string[]>
}

/** Everything a server offers, written once and served to every version. */
export interface Catalogue {
  name: string
  title: string
  version: string
  /** Read by a model that has never seen this server, before anything else. */
  instructions: string
  tools: readonly Tool[]
  resources: readonly ResourceKind[]
  prompts: readonly Prompt[]
  /** Besides tools, resources, prompts and completions. */
  capabilities?: ServerCapabilities
  /** How state that travels through the client is verified, where a tool has some. */
  requestState?: ServerOptions['requestState']
}
