import type { JWTPayload } from 'jose'
import { Access } from '../../src/auth/access.ts'
import { ClientAddresses } from '../../src/auth/address.ts'
import { Authority } from '../../src/auth/authority.ts'
import { fingerprints } from '../../src/auth/fingerprint.ts'
import { parseForwarded } from '../../src/auth/forwarded.ts'
import { isLoopbackName } from '../../src/auth/host.ts'
import { readHeader } from '../../src/auth/jws.ts'
import { PageTokens } from '../../src/auth/page-tokens.ts'
import { presentedBy } from '../../src/auth/presented.ts'
import { forwardedFromElsewhere } from '../../src/auth/proxy.ts'
import type { AccessSettings } from '../../src/auth/settings.ts'
import { signToken } from '../../src/auth/signed-token.ts'
import { tokenPrincipal } from '../../src/auth/token-principal.ts'
import type { Principal } from '../../src/core/principal.ts'
import { parseJson } from '../../src/http/publish/json.ts'
import { askedBy } from '../../src/http/route.ts'
import { keySettings, openSettings, testKey } from '../support/access.ts'
import { HMAC_SECRET, tokenSettings } from '../support/authority.ts'
import type { Parser } from './parser.ts'
import { headersOf, requestOf } from './wire.ts'

const NOW = 1_800_000_000_000
const options = { now: () => NOW, report: unforeseen }

function unforeseen(error: unknown): never {
  throw new Error('Something was reported that nobody foresaw.', { cause: error })
}

/** Made once a process: real keys, tokens and tickets, of which any changed one must not be recognised. */
const publisher = testKey('publisher', { publish: ['a/**'] })
const everything = testKey('everything', { publish: ['**'], subscribe: ['**'], admin: true })
const settings: AccessSettings = keySettings([publisher, everything], {
  tokens: tokenSettings({ cookie: 'session', issuer: 'https://issuer.example', audience: 'hub' }),
})
const authority = new Authority(settings, options)
const token = await signToken(
  HMAC_SECRET,
  {
    sub: 'alice',
    issuer: 'https://issuer.example',
    audience: 'hub',
    grants: { publish: ['a/**'], subscribe: ['b/*', 'c'], types: ['x.*'] },
  },
  { now: NOW, ttlMs: 3_600_000 },
)
const asker = await authority.recognise({ kind: 'bearer', text: everything.text })
const { ticket } = await authority.issueTicket(asker, { topics: ['a/**'], types: ['x.*'], sub: 'bob' })
const unsigned = `${Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url')}.${token.split('.')[1]}.`

/** Recognised is only what was made here, character by character. */
async function recognised(kind: 'bearer' | 'cookie' | 'ticket' | 'key-parameter', text: string): Promise<Principal> {
  const principal = await authority.recognise({ kind, text })
  if (![publisher.text, everything.text, token, ticket].includes(text)) {
    throw new Error(`A changed credential was recognised as ${principal.id}.`)
  }
  return principal
}

const HEADERS = [
  'host: localhost:3000\r\norigin: http://localhost:5173\r\nsec-fetch-site: same-site',
  'host: 127.0.0.1:3000\r\norigin: http://127.0.0.1:3000\r\nx-forwarded-for: 127.0.0.1',
  'host: [::1]:3000\r\nsec-fetch-site: cross-site\r\nsec-fetch-mode: navigate\r\nsec-fetch-dest: document',
  'host: localhost\r\norigin: null\r\nforwarded: for="[::1]:80";proto=http;host=localhost',
]

/** Who asks and from where: headers of the rule, credentials, addresses. */
export function authParsers(): readonly Parser[] {
  const open = new Access(openSettings, options)
  const closed = new Access({ ...settings, corsOrigins: ['https://app.example'] }, options)
  const addresses = new ClientAddresses(['127.0.0.0/8', '::1/128', '10.0.0.0/8'])
  const pages = new PageTokens(settings.ticketSecret)
  const page = pages.seal('orders/42')
  const fingerprint = fingerprints(settings.ticketSecret)
  return [
    {
      name: 'what a request shows of who asks',
      samples: [
        ['/events/a?key=mcpsse_abc', 'authorization: Bearer mcpsse_abc\r\ncookie: a=b; session=c'],
        ['/events?ticket=a.b.c&%74icket=', 'cookie: session="c"; session=d'],
      ],
      read: (target, headers) =>
        presentedBy(requestOf(target, headers), { ticket: true, key: true, cookie: 'session' }),
    },
    { name: 'header of a JWT', samples: [[token], [ticket], [unsigned]], read: (text) => readHeader(text) },
    {
      name: 'API key',
      samples: [[publisher.text], [everything.text]],
      read: (text) => recognised('bearer', text),
    },
    { name: 'API key in the query', samples: [[publisher.text]], read: (text) => recognised('key-parameter', text) },
    { name: 'JWT as a bearer', samples: [[token], [ticket], [unsigned]], read: (text) => recognised('bearer', text) },
    { name: 'JWT in a cookie', samples: [[token], [unsigned]], read: (text) => recognised('cookie', text) },
    { name: 'ticket', samples: [[ticket], [token], [unsigned]], read: (text) => recognised('ticket', text) },
    {
      name: 'claims of a JWT',
      samples: [['{"sub":"alice","events":{"publish":["a/**"],"subscribe":["b/*"],"types":["x.*"],"admin":false}}']],
      read: (text) => {
        const claims = parseJson(text)
        if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) return undefined
        return tokenPrincipal(
          { claims: claims as JWTPayload, credential: 'secret/x', expires: NOW },
          token,
          'events',
          fingerprint,
        )
      },
      holds: (result) => result === undefined || !/[\r\n\0]/.test((result as Principal).id),
    },
    {
      name: 'Forwarded',
      samples: [['for="[2001:db8::1]:80";proto=https;by=_x;host="hub.example", for=192.0.2.1'], ['for=127.0.0.1']],
      read: parseForwarded,
    },
    {
      name: 'headers of proxies',
      samples: [
        ['x-forwarded-for: 127.0.0.1, ::1\r\nx-real-ip: 127.0.0.1\r\nvia: 1.1 localhost'],
        ['forwarded: for=127.0.0.1;host=localhost\r\nx-forwarded-host: localhost:3000'],
      ],
      read: (headers) => forwardedFromElsewhere(headersOf(headers)),
    },
    {
      name: 'address of a client behind proxies',
      samples: [
        ['x-forwarded-for: 203.0.113.9, 10.0.0.1', '127.0.0.1'],
        ['forwarded: for="[2001:db8::1]:443"', '::1'],
        ['', '::ffff:203.0.113.9'],
      ],
      read: (headers, remote) => addresses.of(headersOf(headers), remote),
      holds: (result) => typeof result === 'string' && result.length < 64,
    },
    {
      name: 'Host, proxy and origin rule, open',
      samples: HEADERS.flatMap((headers) => [
        ['/', headers, 'GET'],
        ['/events/a', headers, 'POST'],
        ['/events?ticket=a.b.c', headers, 'GET'],
        ['/events', `${headers}\r\naccess-control-request-method: POST`, 'OPTIONS'],
      ]),
      read: (target, headers, method) => {
        const request = requestOf(target, headers, methodOf(method))
        const passage = open.pass(askedBy(request))
        const origin = request.headers.get('origin')
        const name = origin === null ? undefined : URL.parse(origin)?.hostname
        if (passage.refusal) throw passage.refusal
        if (origin !== null && passage.presented.kind === 'local' && !isLoopbackName(name ?? '')) {
          throw new Error('A page from elsewhere was let in.')
        }
        return passage
      },
    },
    {
      name: 'Host, proxy and origin rule, with credentials',
      samples: HEADERS.flatMap((headers) => [
        ['/events/a', `${headers}\r\nauthorization: Bearer ${publisher.text}`, 'POST'],
        [`/events?ticket=${ticket}`, headers, 'GET'],
        ['/events', `${headers}\r\ncookie: session=${token}`, 'GET'],
      ]),
      read: async (target, headers, method) => {
        const passage = closed.pass(askedBy(requestOf(target, headers, methodOf(method))))
        if (passage.refusal) throw passage.refusal
        return closed.recognise(passage)
      },
    },
    {
      name: 'page token of a list',
      samples: [[page]],
      read: (text) => pages.open(text),
      holds: (result) => result === undefined || result === 'orders/42',
    },
  ]
}

/** What Bun takes as a method: the others never get as far. */
function methodOf(text: string): string {
  return ['GET', 'POST', 'OPTIONS', 'HEAD', 'DELETE'].includes(text) ? text : 'GET'
}
