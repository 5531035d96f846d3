import { plain } from '../../display.ts'
import { ADVICE } from '../advice.ts'
import { fail, ok, type Probe } from '../probe.ts'
import { WatchedStream } from '../watched-stream.ts'
import { INITIALIZE } from './mcp.ts'

const PATIENCE_MS = 3000

/** The transport of 2024-11-05: the address that its stream names has to be one that leads back to the hub. */
export const mcp2024: Probe = {
  name: 'mcp-2024',
  needs: ['hub', 'caller', 'subscribe', 'stream'],
  async run({ way }) {
    const stream = WatchedStream.open(way, '/sse')
    try {
      const endpoint = await stream.until(PATIENCE_MS, () => stream.named('endpoint'))
      stream.requireTaken()
      if (!endpoint) {
        return fail('GET /sse did not say where to post.', {
          general: 'Let GET of /sse through to the hub.',
          more: 'docs/mcp.md',
        })
      }
      const target = URL.parse(endpoint.data, `${way.url}/sse`)
      const path = target?.href.startsWith(`${way.url}/`) ? target.href.slice(way.url.length) : undefined
      const place = plain(target ? target.origin + target.pathname : endpoint.data)
      if (path === undefined) {
        return fail(`GET /sse says to post to ${place}, which is not below ${way.url}.`, ADVICE.path)
      }
      const body = INITIALIZE
      const { status } = await way.ask(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
      if (status !== 202) return fail(`POST ${place}, as GET /sse says, was answered with ${status}.`, ADVICE.methods)
      const answer = await stream.until(PATIENCE_MS, () => stream.named('message'))
      if (!answer) return fail('The answer to a request did not come on the stream of GET /sse.', ADVICE.buffering)
      return ok('GET /sse names an address that leads back to it, and answers come on its stream.')
    } finally {
      await stream.close()
    }
  },
}
