import type { Mcp } from './mcp.ts'

type Judge = Parameters<Mcp['reconsider']>[0]

/**
 * MCP from its first request on. Its SDK takes 60 ms and 14 MiB to load (measured, compiled): a hub that is never asked
 * for it starts and stays as light as one without.
 */
export class McpOnDemand {
  readonly #load: () => Promise<Mcp>
  #loading: Promise<Mcp> | undefined
  #mcp: Mcp | undefined
  #closed = false

  constructor(load: () => Promise<Mcp>) {
    this.#load = load
  }

  /** At once when it is there. Rejects when it cannot be loaded; the next request tries again. */
  get(): Mcp | Promise<Mcp> {
    if (this.#mcp) return this.#mcp
    this.#loading ??= this.#begin()
    return this.#loading
  }

  /** If it is there. */
  get begun(): Mcp | undefined {
    return this.#mcp
  }

  async reconsider(judge: Judge): Promise<void> {
    await (await this.#begun())?.reconsider(judge)
  }

  async drain(): Promise<void> {
    await (await this.#begun())?.drain()
  }

  close(): void {
    this.#closed = true
    this.#mcp?.close()
  }

  async #begin(): Promise<Mcp> {
    try {
      this.#mcp = await this.#load()
      if (this.#closed) this.#mcp.close()
      return this.#mcp
    } finally {
      this.#loading = undefined
    }
  }

  async #begun(): Promise<Mcp | undefined> {
    try {
      return await (this.#mcp ?? this.#loading)
    } catch {
      // Whoever asked for it was told.
      return undefined
    }
  }
}
