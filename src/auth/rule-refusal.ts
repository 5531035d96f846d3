import { HubError } from '../core/errors.ts'
import { parseOrigin } from './origin.ts'

/** What the Host, proxy and Origin rule says to those it refuses: one sentence each, with what to do. */

export function oddHost(): HubError {
  return new HubError('host-not-allowed', 'The Host header is no host name; send the one name this server is asked by.')
}

export function unknownHost(): HubError {
  return new HubError(
    'host-not-allowed',
    'Without credentials this server answers only to names it knows: ask for localhost, or name this one in allowed_hosts.',
  )
}

export function unnamedHost(): HubError {
  return new HubError(
    'host-not-allowed',
    'Pages publish here without a credential only under a name this server knows: set public_url to it, or allowed_hosts.',
  )
}

/** `header`: the one that says so. */
export function behindProxy(header: string): HubError {
  return new HubError(
    'behind-proxy',
    `This server has no credentials, and ${header} says that a proxy lets others in: set MCP_SSE_AUTH_KEY, or start it with --auth-open if everyone may do everything.`,
  )
}

/** Longer origins are not written into a sentence. */
const MAX_ORIGIN_SHOWN = 100

/** `text` is the Origin header; without one a link or an image of another site led here. */
export function foreignOrigin(
  text: string | undefined,
  { kind, method }: { kind: string; method: string },
  mode: 'open' | 'credentials',
): HubError {
  if (text === undefined) {
    return new HubError(
      'origin-not-allowed',
      'Another site led to this address, and other sites may lead to the page at / only: open /, or type the address itself.',
    )
  }
  const origin = text.length <= MAX_ORIGIN_SHOWN ? parseOrigin(text)?.origin : undefined
  const publishes = method === 'POST' && (kind === 'stream' || kind === 'raw')
  const doing = method === 'GET' || method === 'HEAD' ? 'read' : publishes ? 'publish' : 'change anything'
  const what = kind === 'mcp' ? 'speak MCP' : doing
  const who = origin === undefined ? 'Pages without an origin of their own' : `Pages from ${origin}`
  const listed = origin === undefined ? [] : [`allow them with CORS_ORIGIN=${origin}`]
  const ways = [...listed, ...(mode === 'open' ? [] : ['send an Authorization header'])]
  const way = ways.length === 0 ? 'serve the page from http://localhost' : ways.join(', or ')
  return new HubError('origin-not-allowed', `${who} may not ${what} here: ${way}.`)
}
