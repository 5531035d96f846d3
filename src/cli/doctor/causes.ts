import { plain } from '../display.ts'
import { ADVICE, type Advice } from './advice.ts'
import { type Finding, fail } from './probe.ts'
import type { Answer } from './way.ts'

/** An answer to `/livez` that is none of a hub that is well. */
export interface Met {
  answer: Answer
  /** What was asked, without a slash at the end. */
  url: URL
  /** At the root of the same host there is a hub. */
  atRoot: boolean
}

interface Cause {
  /** The hub is known by the `code` of its problem documents. Whoever else answers is something in front. */
  who: 'hub' | 'other'
  when(met: Met): boolean
  saw(met: Met): string
  advice(met: Met): Advice
}

const MOST_SHOWN = 100

const GATEWAY = [502, 503, 504]

/** The first that fits is it. */
const CAUSES: readonly Cause[] = [
  {
    who: 'hub',
    when: ({ answer }) => answer.code === 'behind-proxy',
    saw: ({ answer }) => refuses(answer),
    advice: () => ({
      general: 'Behind a proxy a hub needs a key (MCP_SSE_AUTH_KEY), so that it knows who asks.',
      more: 'docs/security.md',
    }),
  },
  {
    who: 'hub',
    when: ({ answer }) => answer.code === 'host-not-allowed',
    saw: ({ answer }) => refuses(answer),
    advice: () => ADVICE.host,
  },
  {
    who: 'hub',
    when: ({ url }) => url.pathname !== '/',
    saw: ({ url }) => `The hub got ${plain(url.pathname)}/livez: the path arrives.`,
    advice: (met) => (met.atRoot ? atRoot(met) : ADVICE.path),
  },
  {
    who: 'hub',
    when: () => true,
    saw: ({ answer }) => refuses(answer),
    advice: ({ url }) => ({ general: `curl -i ${url.origin}/livez` }),
  },
  {
    who: 'other',
    when: ({ answer }) => GATEWAY.includes(answer.status),
    saw: ({ answer }) => `The proxy runs and reaches no hub: it answered ${answer.status}.`,
    advice: () => ADVICE.upstream,
  },
  {
    who: 'other',
    when: ({ answer }) => answer.status === 401,
    saw: ({ answer }) => {
      const asks = answer.headers.get('www-authenticate')
      return `The proxy asks for a password${asks ? `: ${plain(asks)}` : ''} (401).`
    },
    advice: () => ADVICE.password,
  },
  {
    who: 'other',
    // nginx; what is written in Go, as Caddy and Traefik.
    when: ({ answer, url }) =>
      url.protocol === 'http:' && answer.status === 400 && /HTTP request.*to (?:an )?HTTPS/is.test(answer.text),
    saw: ({ url }) => `${url.host} was asked in http, and it may speak https: it answered 400.`,
    advice: ({ url }) => ({ general: `mcp-sse doctor https://${url.host}` }),
  },
  {
    who: 'other',
    when: (met) => met.atRoot && met.url.pathname !== '/',
    saw: (met) => `${noHub(met)}. A hub is at ${met.url.origin}.`,
    advice: atRoot,
  },
  {
    who: 'other',
    when: () => true,
    saw: noHub,
    advice: ({ url }) =>
      url.pathname === '/'
        ? { general: 'Check the URL, and where the proxy sends it.', more: 'docs/deploy.md' }
        : ADVICE.path,
  },
]

export function causeOf(met: Met): Finding {
  const who: Cause['who'] = met.answer.code === undefined ? 'other' : 'hub'
  const cause = CAUSES.find((one) => one.who === who && one.when(met))
  // The last of each fits whatever comes.
  if (!cause) throw new Error('No cause fits.')
  return fail(cause.saw(met), cause.advice(met))
}

function refuses({ code, detail }: Answer): string {
  return `The hub refuses every request that comes this way: ${plain(detail ?? '')} [${code}]`
}

function atRoot({ url }: Met): Advice {
  return { general: `mcp-sse doctor ${url.origin}` }
}

function noHub({ answer: { status, text }, url }: Met): string {
  const shown = plain(text.trim().replaceAll(/\s+/g, ' ').slice(0, MOST_SHOWN))
  return `${url.href.replace(/\/$/, '')}/livez answered ${status}, and that is not a hub${shown ? `: ${shown}` : ''}`
}
