import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Tools } from './tools.ts'

export interface Count {
  /** Connections that are still open. */
  open: number
  events: number
  bytes: number
  /** CLOCK_MONOTONIC nanoseconds of the latest event. */
  lastEvent: number
}

export interface Latency {
  samples: number
  /** Milliseconds. */
  p50: number
  p99: number
  max: number
}

const DEADLINE_SECONDS = 300

/** Many SSE readers in a process of their own (load/readers.c). */
export class Readers {
  readonly connections: number
  readonly #process: Bun.Subprocess<'pipe', 'pipe', 'pipe'>
  readonly #lines: AsyncIterator<string>
  readonly #directory: string

  private constructor(connections: number, process: Bun.Subprocess<'pipe', 'pipe', 'pipe'>, directory: string) {
    this.connections = connections
    this.#process = process
    this.#lines = lines(process.stdout)
    this.#directory = directory
  }

  /** Resolves when every reader has the beginning of its answer. */
  static async open(
    tools: Tools,
    port: number,
    request: string,
    connections: number,
    measure: 'count' | 'latency' = 'count',
  ): Promise<Readers> {
    const readers = await Readers.#spawn(tools, port, request, connections, measure === 'latency' ? ['latency'] : [])
    await readers.#next()
    return readers
  }

  /** One reader, from its request to event number `events`. */
  static async until(tools: Tools, port: number, request: string, events: number): Promise<{ seconds: number }> {
    const reader = await Readers.#spawn(tools, port, request, 1, ['until', String(events)])
    try {
      for (;;) {
        const said = (await reader.#next()) as { ready?: number; seconds: number }
        if (said.ready === undefined) return said
      }
    } finally {
      await reader.close()
    }
  }

  static async #spawn(tools: Tools, port: number, request: string, connections: number, more: string[]) {
    const directory = mkdtempSync(join(tmpdir(), 'mcp-sse-bench-'))
    const file = join(directory, 'request')
    await Bun.write(file, request)
    const command = [tools.readers, String(port), String(connections), file, String(DEADLINE_SECONDS), ...more]
    const child = Bun.spawn(command, { stdin: 'pipe', stdout: 'pipe', stderr: 'pipe' })
    return new Readers(connections, child, directory)
  }

  count(): Promise<Count> {
    return this.#ask('count') as Promise<Count>
  }

  /** Since the last call. */
  latency(): Promise<Latency> {
    return this.#ask('latency') as Promise<Latency>
  }

  /** Waits until nothing has arrived for `quietMs`, at most `limitMs`. */
  async settle(quietMs = 200, limitMs = 15_000): Promise<Count> {
    const deadline = performance.now() + limitMs
    let seen = await this.count()
    let since = performance.now()
    while (performance.now() < deadline && performance.now() - since < quietMs) {
      await Bun.sleep(25)
      const now = await this.count()
      if (now.events !== seen.events) since = performance.now()
      seen = now
    }
    return seen
  }

  /** Waits until `events` have arrived, or none has for three seconds. */
  async reach(events: number): Promise<Count> {
    let seen = await this.count()
    let since = performance.now()
    while (seen.events < events && performance.now() - since < 3_000) {
      await Bun.sleep(20)
      const now = await this.count()
      if (now.events !== seen.events) since = performance.now()
      seen = now
    }
    return seen
  }

  async close(): Promise<void> {
    this.#process.stdin.end()
    await this.#process.exited
    rmSync(this.#directory, { recursive: true, force: true })
  }

  #ask(what: string): Promise<unknown> {
    this.#process.stdin.write(`${what}\n`)
    this.#process.stdin.flush()
    return this.#next()
  }

  async #next(): Promise<unknown> {
    const line = await this.#lines.next()
    if (!line.done) return JSON.parse(line.value)
    throw new Error((await new Response(this.#process.stderr).text()).trim() || 'The readers ended without a word.')
  }
}

async function* lines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of stream) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = parts.pop()!
    yield* parts
  }
}
