import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { get, post } from '../http-text.ts'
import type { Contender, Found } from './contender.ts'

const ROOT = join(import.meta.dir, '../..')
const EXECUTABLE = join(ROOT, 'dist/mcp-sse')
const SOURCE = join(ROOT, 'src/index.ts')

/** The built executable if there is one, else the source. */
export function serveCommand(): { command: string[]; form: string } | undefined {
  if (existsSync(EXECUTABLE)) return { command: [EXECUTABLE, 'serve'], form: 'executable' }
  if (existsSync(SOURCE)) return { command: [process.execPath, 'run', SOURCE, 'serve'], form: 'from source' }
  return undefined
}

export function mcpSse(durability: 'full' | 'memory' = 'full'): Found {
  const name = durability === 'full' ? 'mcp-sse' : 'mcp-sse-memory'
  const serve = serveCommand()
  if (!serve) return { name, absent: 'there is neither dist/mcp-sse nor src/index.ts; run bun run build' }
  return { ...mcpSseAt(serve.command, serve.form, durability), name }
}

export function mcpSseAt(command: string[], form: string, durability: 'full' | 'memory' = 'full'): Contender {
  return {
    name: 'mcp-sse',
    about: `this project, ${form}, Bun ${Bun.version}, durability ${durability}`,
    ready: '/readyz',
    stream: get('/events/bench', { accept: 'text/event-stream' }),
    publish: (data) => post('/events/bench?type=tick', data, { 'content-type': 'application/json' }),
    launch: async ({ port, directory }) => ({
      command,
      environment: {
        PORT: String(port),
        HOST: '127.0.0.1',
        DATA_DIR: join(directory, 'data'),
        MCP_SSE_DURABILITY: durability,
      },
    }),
  }
}
