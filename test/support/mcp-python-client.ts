import { resolve } from 'node:path'
import { type McpClient, type RawToolAnswer, textOf, toolAnswer } from './mcp-client.ts'
import { pythonWithMcp } from './mcp-python.ts'
import { searchedStream } from './searched-network.ts'

const SCRIPT = resolve(import.meta.dir, '../e2e/mcp/python_client.py')

export interface PythonOptions {
  /** Of `mcp` on the Python package index. */
  release: string
  /** What its 2.x generation is told: `auto`, `legacy` or a version. */
  mode?: string
}

interface Line {
  id?: number
  result?: unknown
  error?: string
  connected?: string
  updated?: string
  ended?: { uri: string; how: string }
}

/** The official Python client as a process that takes and prints JSON, a line each. */
export async function pythonClient({ release, mode = 'legacy' }: PythonOptions, url: URL, key?: string) {
  const child = Bun.spawn([await pythonWithMcp(release), '-u', SCRIPT, url.href, mode], {
    env: { PATH: process.env.PATH ?? '', ...(key === undefined ? {} : { MCP_SSE_KEY: key }) },
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const process_ = new PythonProcess(child)
  return process_.client(await process_.connected)
}

type Child = Bun.Subprocess<'pipe', 'pipe', 'pipe'>

class PythonProcess {
  readonly connected: Promise<string>
  readonly #child: Child
  readonly #connected = Promise.withResolvers<string>()
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>()
  readonly #subscriptions = new Map<string, { told: string[]; ended: string | undefined }>()
  #written = ''
  #asked = 0
  #end: Error | undefined

  constructor(child: Child) {
    this.#child = child
    this.connected = this.#connected.promise
    void Promise.all([this.#read(), this.#collect()]).then(() => this.#gone())
  }

  client(version: string): McpClient {
    return {
      version,
      tools: () => this.#ask('tools') as Promise<string[]>,
      call: async (name, input) => toolAnswer((await this.#ask('call', name, input)) as RawToolAnswer),
      resources: () => this.#ask('resources') as Promise<string[]>,
      templates: () => this.#ask('templates') as Promise<string[]>,
      read: async (uri) => textOf(await this.#ask('read', uri)),
      complete: (...wanted) => this.#ask('complete', ...wanted) as Promise<string[]>,
      prompt: async (name, values) => textOf(await this.#ask('prompt', name, values)),
      subscribe: async (uri) => {
        const subscription = { told: [], ended: undefined }
        this.#subscriptions.set(uri, subscription)
        await this.#ask('subscribe', uri)
        return subscription
      },
      close: async () => {
        this.#child.stdin.end()
        // A client that is gone says good-bye to its server first; it need not be there any more.
        const impatient = setTimeout(() => this.#child.kill('SIGKILL'), 5_000)
        await this.#child.exited
        clearTimeout(impatient)
      },
    }
  }

  async #ask(name: string, ...args: unknown[]): Promise<unknown> {
    if (this.#end) throw this.#end
    const answer = Promise.withResolvers<unknown>()
    const id = ++this.#asked
    this.#waiting.set(id, answer)
    this.#child.stdin.write(`${JSON.stringify({ id, name, args })}\n`)
    this.#child.stdin.flush()
    return answer.promise
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder()
    let rest = ''
    for await (const bytes of searchedStream(this.#child.stdout, 'stdout of the Python client')) {
      rest += decoder.decode(bytes, { stream: true })
      const lines = rest.split('\n')
      rest = lines.pop()!
      for (const line of lines) this.#take(JSON.parse(line) as Line)
    }
  }

  #take({ id, result, error, connected, updated, ended }: Line): void {
    if (connected !== undefined) this.#connected.resolve(connected)
    if (updated !== undefined) this.#subscriptions.get(updated)?.told.push(updated)
    const subscription = ended && this.#subscriptions.get(ended.uri)
    if (subscription) subscription.ended = ended.how
    if (id === undefined) return
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (error === undefined) waiting?.resolve(result)
    else waiting?.reject(new Error(error))
  }

  async #collect(): Promise<void> {
    for await (const bytes of searchedStream(this.#child.stderr, 'stderr of the Python client')) {
      this.#written += Buffer.from(bytes).toString()
    }
  }

  #gone(): void {
    const error = new Error(`The Python client has ended: ${this.#written.trim() || 'without a word'}`)
    this.#end = error
    this.#connected.reject(error)
    for (const waiting of this.#waiting.values()) waiting.reject(error)
    for (const subscription of this.#subscriptions.values()) subscription.ended ??= 'with its client'
  }
}
