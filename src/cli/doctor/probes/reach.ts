import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { plain } from '../../display.ts'
import { frontBy } from '../front.ts'
import { type Examination, type Finding, fail, ok, type Probe, shown } from '../probe.ts'
import { type Answer, codeOf, fieldsOf, NoAnswer, type Way } from '../way.ts'

const MOST_SHOWN = 100

/** Name, connection, redirects, and whether it is a hub that answers. */
export const reach: Probe = {
  name: 'reach',
  needs: [],
  async run(examination) {
    const { way } = examination
    const url = new URL(way.url)
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
    if (!isIP(host)) {
      const found = await lookup(host, { all: true }).catch((error: unknown) => codeOf(error) ?? 'no answer')
      if (typeof found === 'string')
        return fail(`No address is known for ${host} (${found}).`, { general: 'Check the name, and its DNS entry.' })
    }
    try {
      return await answers(examination)
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error
      return fail(`Nobody answers at ${url.host}: ${error.code ?? error.message}.`, {
        general: 'Check that the proxy and the hub run, the port and the firewall.',
      })
    }
  },
}

async function answers({ way, known }: Examination): Promise<Finding> {
  const first = await way.ask('/livez', { credential: 'none' })
  known.proxy = frontBy(first.headers)
  const moved = movedTo(first, way)
  if (moved)
    return fail(`It redirects (${first.status}) to ${moved}.`, { general: `Use that: mcp-sse doctor ${moved}` })
  if (first.code) {
    return fail(`The hub refuses every request that comes this way: ${plain(first.detail ?? '')} [${first.code}]`, {
      general: 'Behind a proxy a hub needs a key (MCP_SSE_AUTH_KEY), so that it knows who asks.',
      more: 'docs/security.md',
    })
  }
  const ready = await way.ask('/readyz', { credential: 'none' })
  const { status } = fieldsOf(ready.text)
  if (typeof status !== 'string') return await noHub(way, ready)
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

async function noHub(way: Way, { status, text }: Answer): Promise<Finding> {
  const shownText = plain(text.trim().replaceAll(/\s+/g, ' ').slice(0, MOST_SHOWN))
  const saw = `${way.url}/readyz answered ${status}, and that is not a hub: ${shownText}`
  // The path may be one that the proxy does not take off.
  if (new URL(way.url).pathname !== '/') {
    const root = await fetchStatus(way)
    if (root !== undefined)
      return fail(`${saw}. A hub is at ${way.origin}.`, { general: `mcp-sse doctor ${way.origin}` })
  }
  return fail(saw, {
    general:
      'Check the URL, and where the proxy sends it: a path in front has to be taken off (nginx: a slash after proxy_pass …:3000).',
    more: 'docs/deploy.md',
  })
}

async function fetchStatus(way: Way): Promise<string | undefined> {
  const { status } = fieldsOf(
    await fetch(`${way.origin}/readyz`, { signal: AbortSignal.any([way.signal, AbortSignal.timeout(5000)]) })
      .then((response) => response.text())
      .catch(() => ''),
  )
  return typeof status === 'string' ? status : undefined
}
