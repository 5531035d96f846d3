import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { get, post } from '../http-text.ts'
import { type Found, outputOf } from './contender.ts'

const PACKAGE = join(import.meta.dir, '../../node_modules/better-sse/package.json')
const SCRIPT = join(import.meta.dir, 'better-sse-server.mjs')

/** The better-sse library on Node's own HTTP server: a channel that broadcasts, nothing kept. */
export async function betterSse(): Promise<Found> {
  const node = outputOf(['node', '--version'])
  if (!node) return { name: 'better-sse', absent: 'node is not installed' }
  if (!existsSync(PACKAGE)) return { name: 'better-sse', absent: 'better-sse is not installed; run bun install' }
  const { version } = (await Bun.file(PACKAGE).json()) as { version: string }
  return {
    name: 'better-sse',
    about: `better-sse ${version} on Node ${node}, one process, nothing on disk`,
    ready: '/livez',
    stream: get('/events', { accept: 'text/event-stream' }),
    publish: (data) => post('/publish', data, { 'content-type': 'application/json' }),
    launch: async ({ port }) => ({ command: ['node', SCRIPT, String(port)], environment: { NODE_ENV: 'production' } }),
  }
}
