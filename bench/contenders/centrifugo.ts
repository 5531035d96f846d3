import { join } from 'node:path'
import { get, post } from '../http-text.ts'
import type { Found } from './contender.ts'
import { goBuild } from './go-build.ts'

const MODULE = 'github.com/centrifugal/centrifugo/v6'

/** Centrifugo's unidirectional SSE with its memory engine. */
export async function centrifugo(build: boolean): Promise<Found> {
  const built = await goBuild({ name: 'centrifugo', module: `${MODULE}@latest`, program: MODULE }, build)
  if ('absent' in built) return { name: 'centrifugo', absent: built.absent }
  const connect = encodeURIComponent(JSON.stringify({ subs: { bench: {} } }))
  return {
    name: 'centrifugo',
    about: 'Centrifugo 6, unidirectional SSE, memory engine (nothing on disk)',
    ready: '/health',
    stream: get(`/connection/uni_sse?cf_connect=${connect}`, { accept: 'text/event-stream' }),
    publish: (data) =>
      post('/api/publish', `{"channel":"bench","data":${data}}`, { 'content-type': 'application/json' }),
    async launch({ port, directory }) {
      const file = join(directory, 'config.json')
      await Bun.write(file, JSON.stringify(configuration(port)))
      return { command: [built.binary, '-c', file] }
    },
  }
}

function configuration(port: number): object {
  return {
    http_server: { address: '127.0.0.1', port: String(port) },
    http_api: { insecure: true },
    health: { enabled: true },
    uni_sse: { enabled: true },
    client: { allow_anonymous_connect_without_token: true, allowed_origins: ['*'] },
    channel: { without_namespace: { allow_subscribe_for_client: true, allow_subscribe_for_anonymous: true } },
    log: { level: 'error' },
  }
}
