import { plain } from '../../display.ts'
import { causeOf } from '../causes.ts'
import { frontBy } from '../front.ts'
import { unnamed } from '../host-name.ts'
import { type Examination, type Finding, fail, ok, type Probe, shown } from '../probe.ts'
import { type Answer, fieldsOf, NoAnswer, type Way } from '../way.ts'

/** Name, connection, redirects, and whether it is a hub that answers. */
export const reach: Probe = {
  name: 'reach',
  needs: [],
  async run(examination) {
    const { way } = examination
    const url = new URL(way.url)
    const nameless = await unnamed(url)
    if (nameless) return nameless
    try {
      return await answers(examination, url)
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error
      // Closed at once, as by those that wait for a handshake.
      const other = url.protocol === 'http:' && error.code === 'ECONNRESET'
      return fail(error.sentence, {
        general: other
          ? `mcp-sse doctor https://${url.host}`
          : 'Check that the proxy and the hub run, the port and the firewall.',
      })
    }
  },
}

async function answers({ way, known }: Examination, url: URL): Promise<Finding> {
  const first = await way.ask('/livez', { credential: 'none' })
  known.proxy ??= frontBy(first.headers)
  const moved = movedTo(first, way)
  if (moved)
    return fail(`It redirects (${first.status}) to ${moved}.`, { general: `Use that: mcp-sse doctor ${moved}` })
  const unlike = async (answer: Answer) =>
    causeOf({ answer, url, atRoot: url.pathname !== '/' && (await isHub(way.to(url.origin))) })
  // Pages are answered to whatever is asked: whether it is a hub is seen in what it says.
  if (first.status !== 200) return await unlike(first)
  const ready = await way.ask('/readyz', { credential: 'none' })
  const { status } = fieldsOf(ready.text)
  if (typeof status !== 'string') return await unlike(ready)
  if (ready.status !== 200) return fail(`The hub is ${plain(status)}.`, { general: `curl ${way.url}/readyz` })
  const { info } = fieldsOf((await way.ask('/openapi.json', { credential: 'none' })).text)
  const version = typeof info === 'object' && info !== null && 'version' in info ? ` ${String(info.version)}` : ''
  const before = known.proxy ? `, behind ${plain(known.proxy.name)}` : ''
  return ok(`A hub${plain(version)}${before}, answers in ${shown(ready.ms)}.`, { answerMs: ready.ms })
}

/** The base URL that a redirect of `/livez` leads to. */
function movedTo({ status, headers }: Answer, way: Way): string | undefined {
  const location = headers.get('location')
  if (status < 300 || status > 399 || location === null) return undefined
  const target = URL.parse(location, `${way.url}/livez`)
  if (!target) return undefined
  return plain(`${target.origin}${target.pathname.replace(/\/livez\/?$/, '').replace(/\/$/, '')}`)
}

async function isHub(way: Way): Promise<boolean> {
  const answer = await way.ask('/readyz', { timeoutMs: 5000 }).catch(() => undefined)
  return typeof fieldsOf(answer?.text ?? '').status === 'string'
}
