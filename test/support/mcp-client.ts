/** What a tool answered, as a client hands it over. */
export interface ToolAnswer {
  structured: Record<string, unknown>
  text: string
  isError: boolean
}

/** One subscription to one resource, as its client lives it. */
export interface McpSubscription {
  /** The URI of each notification that came. */
  readonly told: readonly string[]
  /** How the client says that it ended; `undefined` while it lasts, and where the client never says. */
  readonly ended: string | undefined
}

/** What a test asks of any MCP client: one adapter for each. */
export interface McpClient {
  /** The protocol version that both sides agreed on. */
  readonly version: string
  /** Names of what is listed. */
  tools(): Promise<string[]>
  call(tool: string, input: Record<string, unknown>): Promise<ToolAnswer>
  /** URIs. */
  resources(): Promise<string[]>
  templates(): Promise<string[]>
  /** The text of a resource. */
  read(uri: string): Promise<string>
  /** Values for `variable` of a template. */
  complete(template: string, variable: string, value: string): Promise<string[]>
  /** The texts of the messages. */
  prompt(name: string, values: Record<string, string>): Promise<string>
  /** Resolves when the server has taken it. */
  subscribe(uri: string): Promise<McpSubscription>
  close(): Promise<void>
}

/** A result of `tools/call`. */
export interface RawToolAnswer {
  content?: unknown
  structuredContent?: unknown
  isError?: unknown
  [more: string]: unknown
}

export function toolAnswer({ content = [], structuredContent = {}, isError = false }: RawToolAnswer): ToolAnswer {
  return {
    structured: structuredContent as Record<string, unknown>,
    text: textOf(content),
    isError: isError === true,
  }
}

/** The texts in a content block, in a list of them, or in a list of messages or resources. */
export function textOf(content: unknown): string {
  if (Array.isArray(content)) return content.map(textOf).filter(Boolean).join('\n')
  if (typeof content !== 'object' || content === null) return ''
  if ('text' in content) return String(content.text)
  return 'content' in content ? textOf(content.content) : ''
}
