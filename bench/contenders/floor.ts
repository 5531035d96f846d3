import { get, post } from '../http-text.ts'
import type { Contender } from './contender.ts'

const LIFETIME_SECONDS = 3_600

/** The bare socket writer: one write per event and reader, nothing else (floor/floor.c). */
export function floor(binary: string): Contender {
  return {
    name: 'floor',
    about: 'bare C epoll loop, one thread, one write per event and reader, cc -O2',
    ready: '/livez',
    stream: get('/events/bench', { accept: 'text/event-stream' }),
    publish: (data) => post('/events/bench', data, { 'content-type': 'application/json' }),
    launch: async ({ port }) => ({ command: [binary, String(port), String(LIFETIME_SECONDS)] }),
  }
}
