import { join } from 'node:path'
import { get, post } from '../http-text.ts'
import type { Contender } from './contender.ts'

/** A bare Elysia route that parses and answers like the hub, and keeps nothing: what durable publishing costs beside. */
export function noLog(): Contender {
  return {
    name: 'no-log',
    about: 'bare Elysia publish route, same answer, no log and no readers',
    ready: '/livez',
    stream: get('/livez'),
    publish: (data) => post('/events/bench?type=tick', data, { 'content-type': 'application/json' }),
    launch: async ({ port }) => ({
      command: [process.execPath, 'run', join(import.meta.dir, 'no-log-server.ts'), String(port)],
      environment: { NODE_ENV: 'production' },
    }),
  }
}
