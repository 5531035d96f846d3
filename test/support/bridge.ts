import { resolve } from 'node:path'
import type { StdioServerParameters } from '@modelcontextprotocol/sdk/client/stdio.js'
import { executablePath } from './executable.ts'
import { inspectStream, registerSecretsOf } from './secrets.ts'
import { tempDir } from './temp-dir.ts'
import { until } from './until.ts'

const ENTRY = resolve(import.meta.dir, '../../src/index.ts')

export interface BridgeOptions {
  env?: Record<string, string>
  /** The built executable in place of the source. */
  executable?: boolean
}

/** How a client's stdio transport starts `mcp-sse stdio`. */
export function bridgeCommand(
  url: string,
  { env = {}, executable = false }: BridgeOptions = {},
): StdioServerParameters {
  registerSecretsOf(env)
  return {
    command: executable ? executablePath() : process.execPath,
    args: executable ? ['stdio'] : ['run', ENTRY, 'stdio'],
    env: { MCP_SSE_URL: url, ...env },
    stderr: 'pipe',
  }
}

/** An answer or a message of the server, as it stood on its line. */
// biome-ignore lint/suspicious/noExplicitAny: what comes is what the tests are about.
export type Line = any

/** `mcp-sse stdio` as its own process, spoken to line by line. */
export function startBridge(url: string, options: BridgeOptions = {}) {
  const dir = tempDir()
  const { command, args = [], env } = bridgeCommand(url, options)
  const child = Bun.spawn([command, ...args], {
    cwd: dir.path,
    env: { PATH: process.env.PATH ?? '', HOME: dir.path, ...env },
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const lines: Line[] = []
  const texts: string[] = []
  let stderr = ''
  const collected = Promise.all([
    collect(child.stdout, inspectStream('stdout of stdio'), (line) => {
      texts.push(line)
      lines.push(JSON.parse(line))
    }),
    collect(child.stderr, inspectStream('stderr of stdio'), (line) => {
      stderr += `${line}\n`
    }),
  ])
  return {
    lines,
    /** The same before they were parsed. */
    texts,
    exited: child.exited,
    stderr: () => stderr,
    write(text: string | Uint8Array): void {
      child.stdin.write(text)
      child.stdin.flush()
    },
    send(...messages: object[]): void {
      this.write(messages.map((message) => `${JSON.stringify(message)}\n`).join(''))
    },
    /** The first line that `fits`, waited for. */
    line: (what: string, fits: (line: Line) => boolean): Promise<Line> => until(what, () => lines.find(fits)),
    answer(id: string | number): Promise<Line> {
      return this.line(`an answer to ${id}`, (line) => line.id === id && line.method === undefined)
    },
    /** Ends stdin. @returns the exit code, and how long it took */
    async end(): Promise<{ exitCode: number; ms: number }> {
      const begin = performance.now()
      child.stdin.end()
      const exitCode = await child.exited
      await collected
      return { exitCode, ms: performance.now() - begin }
    },
    async signal(name: 'SIGTERM' | 'SIGINT'): Promise<number> {
      child.kill(name)
      return await child.exited
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await child.exited
      dir[Symbol.dispose]()
    },
  }
}

export type Bridge = ReturnType<typeof startBridge>

export function initialize(id: number | string = 0, protocolVersion = '2025-11-25') {
  const params = { protocolVersion, capabilities: {}, clientInfo: { name: 'test', version: '1' } }
  return { jsonrpc: '2.0', id, method: 'initialize', params }
}

export const INITIALIZED = { jsonrpc: '2.0', method: 'notifications/initialized' }

export function call(id: number | string, name: string, args: object = {}) {
  return { jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args } }
}

/** A request of 2026-07-28. */
export function stateless(id: number | string, method: string, params: object = {}) {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  return { jsonrpc: '2.0', id, method, params: { ...params, _meta } }
}

async function collect(
  stream: ReadableStream<Uint8Array>,
  search: (chunk: Uint8Array) => void,
  take: (line: string) => void,
): Promise<void> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of stream) {
    search(chunk)
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = parts.pop()!
    for (const part of parts) take(part)
  }
}
