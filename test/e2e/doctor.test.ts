import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ADVICE, type Advice, adviceFor } from '../../src/cli/doctor/advice.ts'
import { type Certificates, certificates } from '../support/certificates.ts'
import { checkOf, doctor, troubles } from '../support/doctor.ts'
import { Executable } from '../support/executable.ts'
import { FrontProxy, findProxy } from '../support/front-proxy.ts'
import { findNginx, Nginx, NO_NGINX } from '../support/nginx.ts'
import { freePort } from '../support/port.ts'
import { secret } from '../support/secrets.ts'
import { tempDir } from '../support/temp-dir.ts'
import { until } from '../support/until.ts'

/** `mcp-sse doctor` at a hub behind a real nginx: what is wrong with its configuration is found, and nothing else. */

const nginxThere = findNginx()
if (!nginxThere) console.warn(NO_NGINX)

const KEY = secret('the key of the hub')
const HEARTBEAT_MS = 8000
/** Longer than that. Whoever holds a stream for less is run from source: of the executable seconds are longer here, and one is the least it takes. */
const HELD = ['--for', '11s']

let hub: Executable
beforeAll(async () => {
  hub = await Executable.serve({
    MCP_SSE_AUTH_KEY: KEY,
    MCP_SSE_STREAM_HEARTBEAT: `${HEARTBEAT_MS}ms`,
    MCP_SSE_DRAIN_TIMEOUT: '1s',
  })
})
afterAll(() => hub?.remove())

interface Differences {
  /** In place of the lines that begin with the same word, or added. */
  location?: readonly string[]
  server?: readonly string[]
  path?: string
  upstream?: string
}

/** What stands in `server { … }` when everything is as it should be, with differences. */
function recipe({
  location = [],
  server = [],
  path = '/',
  upstream = `http://127.0.0.1:${hub.port}`,
}: Differences = {}) {
  const usual = [
    'proxy_http_version 1.1;',
    'proxy_set_header Connection "";',
    'proxy_set_header Host $http_host;',
    'proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;',
    'proxy_set_header X-Forwarded-Proto $scheme;',
    'proxy_buffering off;',
    'proxy_read_timeout 1h;',
  ]
  const directive = (line: string) =>
    line
      .split(' ')
      .slice(0, line.startsWith('proxy_set_header') ? 2 : 1)
      .join(' ')
  const replaced = new Set(location.map(directive))
  const lines = [...usual.filter((line) => !replaced.has(directive(line))), ...location]
  const size = server.some((line) => line.startsWith('client_max_body_size')) ? [] : ['client_max_body_size 9m;']
  return [
    ...size,
    ...server,
    `location ${path} {`,
    `  proxy_pass ${upstream};`,
    ...lines.map((line) => `  ${line}`),
    '}',
  ].join('\n')
}

interface Fault extends Differences {
  finds: Record<string, string>
  /** What is to change, of all that the doctor knows. */
  advice: keyof typeof ADVICE
  args?: readonly string[]
  /** Of what does not come: it is not late. */
  time?: 'real'
}

const TAKE_OUT = 'take out '

/** What nginx is configured with after somebody did what the doctor says, word by word. */
function mended({ location = [], server = [], ...rest }: Differences, change: readonly string[]): Differences {
  const advised = change.filter((line) => line.startsWith('nginx: ')).map((line) => line.slice('nginx: '.length))
  if (advised.length === 0) throw new Error(`Nothing to paste: ${change.join(' | ')}`)
  const name = (line: string) =>
    line
      .split(' ')
      .slice(0, line.startsWith('proxy_set_header') ? 2 : 1)
      .join(' ')
      .toLowerCase()
  const set = advised.filter((line) => !line.startsWith(TAKE_OUT))
  const out = advised
    .filter((line) => line.startsWith(TAKE_OUT))
    .flatMap((line) => line.slice(TAKE_OUT.length).split(' and '))
  const pasted = new Set(set.map(name))
  const stay = (line: string) => !pasted.has(name(line)) && !out.some((one) => line.startsWith(one))
  const forServer = set.filter((line) => line.endsWith('# in server'))
  return {
    ...rest,
    location: [...location.filter(stay), ...set.filter((line) => !forServer.includes(line))],
    server: [...server.filter(stay), ...forServer],
  }
}

const faults: Record<string, Fault> = {
  'answers are buffered, whatever they say': {
    location: ['proxy_buffering on;', 'proxy_ignore_headers X-Accel-Buffering;'],
    finds: { buffering: 'fail' },
    advice: 'buffering',
    time: 'real',
  },
  'streams are compressed': {
    location: ['gzip on;', 'gzip_types text/event-stream;'],
    finds: { compression: 'warn' },
    advice: 'compression',
  },
  'silence is cut sooner than the hub speaks': {
    location: ['proxy_read_timeout 2s;'],
    finds: { idle: 'fail' },
    advice: 'idleTimeout',
    args: HELD,
  },
  'Last-Event-ID is lost': {
    location: ['proxy_set_header Last-Event-ID "";'],
    finds: { replay: 'fail' },
    advice: 'lastEventId',
  },
  'Authorization is lost': {
    location: ['proxy_set_header Authorization "";'],
    finds: { credential: 'fail' },
    advice: 'authorization',
  },
  'Mcp-Session-Id is lost on the way back': {
    location: ['proxy_hide_header Mcp-Session-Id;'],
    finds: { mcp: 'fail' },
    advice: 'mcpSession',
  },
  'Mcp-Session-Id is lost on the way there': {
    location: ['proxy_set_header Mcp-Session-Id "";'],
    finds: { mcp: 'fail' },
    advice: 'mcpSession',
  },
  'MCP-Protocol-Version is lost': {
    location: ['proxy_set_header Mcp-Protocol-Version "";'],
    finds: { mcp: 'fail' },
    advice: 'mcpVersion',
  },
  'CORS headers are sent twice': {
    location: ['add_header Access-Control-Allow-Origin * always;'],
    finds: { cors: 'fail' },
    advice: 'cors',
  },
  'preflights are answered by the proxy': {
    location: ['if ($request_method = OPTIONS) { return 405; }'],
    finds: { cors: 'fail' },
    advice: 'preflight',
  },
  'a preflight says yes for the proxy alone': {
    location: [
      'if ($request_method = OPTIONS) { add_header Access-Control-Allow-Origin *; add_header Access-Control-Allow-Headers *; return 204; }',
      'proxy_hide_header Access-Control-Allow-Origin;',
    ],
    finds: { cors: 'fail' },
    advice: 'cors',
  },
  'DELETE is not let through': {
    location: ['limit_except GET POST OPTIONS { deny all; }'],
    finds: { mcp: 'fail' },
    advice: 'methods',
  },
  'bodies are limited to 1 KiB': {
    server: ['client_max_body_size 1k;'],
    finds: { size: 'fail' },
    advice: 'size',
  },
  'bodies are limited to what nginx does by itself': {
    server: ['client_max_body_size 1m;'],
    finds: { size: 'warn' },
    advice: 'size',
  },
  'Host is lost': {
    location: ['proxy_set_header Host $proxy_host;'],
    finds: { host: 'fail' },
    advice: 'host',
  },
  'a password is asked for': {
    location: ['auth_basic x;', 'auth_basic_user_file /dev/null;'],
    finds: { reach: 'fail' },
    advice: 'password',
  },
  'Cache-Control is rewritten': {
    location: ['proxy_hide_header Cache-Control;', 'add_header Cache-Control "public, max-age=60";'],
    finds: { headers: 'warn' },
    advice: 'cacheControl',
  },
}

describe.skipIf(!nginxThere)('behind nginx', () => {
  const behind = async (server: string, args: readonly string[] = [], time: 'slow' | 'real' = 'slow') => {
    const nginx = await Nginx.start(server)
    try {
      return await doctor(nginx.url, { key: KEY, args, executable: args.includes('--for'), time })
    } finally {
      await nginx.stop()
    }
  }

  test('nothing is found on a clean path, and nothing stays behind', async () => {
    const { examined, exitCode, stderr } = await behind(recipe(), HELD)
    expect(troubles(examined)).toEqual({})
    expect({ exitCode, stderr, ok: examined.ok, left: examined.left }).toEqual({
      exitCode: 0,
      stderr: '',
      ok: true,
      left: null,
    })
    expect(examined.proxy).toMatchObject({ kind: 'nginx' })
    expect(examined.checks.filter(({ verdict }) => verdict === 'skipped').map(({ check }) => check)).toEqual([
      'restart',
    ])
    expect(checkOf(examined, 'idle').numbers.heartbeats).toBeGreaterThan(0)
    const topics = await fetch(`${hub.url}/topics`, { headers: { authorization: `Bearer ${KEY}` } })
    expect(await topics.json()).toEqual({ topics: [] })
  })

  test.each(Object.entries(faults))(
    '%s: that is found, and nothing else; and after what is advised nothing is',
    async (_, { finds, advice, args, time, ...differences }) => {
      const { examined, exitCode } = await behind(recipe(differences), args, time)
      expect(troubles(examined)).toEqual(finds)
      expect(exitCode).toBe(Object.values(finds).includes('fail') ? 1 : 0)
      const [name] = Object.keys(finds)
      const { change } = checkOf(examined, name!)
      expect(change).toEqual(adviceFor(ADVICE[advice], { kind: 'nginx', name: 'nginx' }))
      const after = await behind(recipe(mended(differences, change)), args)
      expect(troubles(after.examined)).toEqual({})
    },
  )

  test('whatever is advised to people with nginx is tried here', () => {
    const forNginx = Object.entries<Advice>(ADVICE).filter(([, { changes }]) => changes?.nginx)
    const tried = new Set(Object.values(faults).map(({ advice }) => advice))
    expect(forNginx.map(([name]) => name).filter((name) => !tried.has(name as keyof typeof ADVICE))).toEqual([])
  })

  test('the silence that was cut is measured', async () => {
    const { examined } = await behind(recipe({ location: ['proxy_read_timeout 2s;'] }), HELD, 'real')
    const { numbers } = checkOf(examined, 'idle')
    expect(numbers.quietMs).toBeWithin(1500, HEARTBEAT_MS)
    expect(numbers.heartbeatMs).toBe(HEARTBEAT_MS)
  })

  test.each([
    [
      'a redirect',
      'return 301 https://events.example$request_uri;',
      /redirects \(301\) to https:\/\/events\.example\./,
    ],
    ['a page of the proxy', 'return 200 "<h1>Welcome to nginx!</h1>";', /that is not a hub: <h1>Welcome/],
    [
      'an upstream that is away',
      'location / { proxy_pass http://127.0.0.1:9; }',
      /^The proxy runs and reaches no hub: it answered 502\.$/,
    ],
    [
      'a password in front',
      'location / { auth_basic x; auth_basic_user_file /dev/null; proxy_pass http://127.0.0.1:9; }',
      /^The proxy asks for a password: Basic realm="x" \(401\)\.$/,
    ],
  ])('%s in place of a hub is all there is to say', async (_, server, saw) => {
    const { examined, exitCode } = await behind(server)
    expect(exitCode).toBe(1)
    expect(troubles(examined)).toEqual({ reach: 'fail' })
    expect(checkOf(examined, 'reach').saw).toMatch(saw)
  })

  const PATH = 'A path in front of a hub is not supported: give it a host name of its own.'

  test('a path that arrives is told from a hub that refuses, with and without one at the root', async () => {
    const nginx = await Nginx.start(recipe())
    try {
      const below = await doctor(`${nginx.url}/livez`, { key: KEY })
      expect(troubles(below.examined)).toEqual({ reach: 'fail' })
      expect(checkOf(below.examined, 'reach')).toMatchObject({
        saw: 'The hub got /livez/livez: the path arrives.',
        change: [`mcp-sse doctor ${nginx.url}`],
      })
    } finally {
      await nginx.stop()
    }
    const kept = await Nginx.start(recipe({ path: '/hub/' }))
    try {
      const { examined } = await doctor(`${kept.url}/hub`, { key: KEY })
      expect(checkOf(examined, 'reach')).toMatchObject({
        saw: 'The hub got /hub/livez: the path arrives.',
        change: [PATH, 'more: docs/deploy.md#under-a-path'],
      })
    } finally {
      await kept.stop()
    }
  })

  test('a path in front of the hub is a way to it, with what that costs', async () => {
    const nginx = await Nginx.start(recipe({ path: '/hub/', upstream: `http://127.0.0.1:${hub.port}/` }))
    try {
      const { examined } = await doctor(`${nginx.url}/hub`, { key: KEY })
      expect(troubles(examined)).toEqual({ host: 'warn', 'mcp-2024': 'fail' })
      expect(checkOf(examined, 'host').change[0]).toBe(PATH)
      expect(checkOf(examined, 'mcp-2024').change[0]).toBe(PATH)
    } finally {
      await nginx.stop()
    }
  })

  describe('TLS', () => {
    let authority: Certificates
    let dir: ReturnType<typeof tempDir>
    beforeAll(() => {
      authority = certificates()
      dir = tempDir()
      writeFileSync(join(dir.path, 'ca.pem'), authority.ca)
    })
    afterAll(() => {
      authority?.[Symbol.dispose]()
      dir?.[Symbol.dispose]()
    })

    async function over(
      name: string,
      { days, http2 = true, trusted = true }: { days?: number; http2?: boolean; trusted?: boolean },
    ) {
      const { key, cert } = authority.issue(name, days)
      writeFileSync(join(dir.path, 'key.pem'), key)
      writeFileSync(join(dir.path, 'cert.pem'), cert)
      const port = freePort()
      const tls = [
        `listen 127.0.0.1:${port} ssl${http2 ? ' http2' : ''};`,
        `ssl_certificate ${dir.path}/cert.pem;`,
        `ssl_certificate_key ${dir.path}/key.pem;`,
      ]
      const nginx = await Nginx.start(recipe({ server: tls }))
      try {
        const env: Record<string, string> = trusted ? { NODE_EXTRA_CA_CERTS: join(dir.path, 'ca.pem') } : {}
        const ended = await doctor(`https://127.0.0.1:${port}`, { key: KEY, env })
        return { ...ended, requests: await nginx.requests() }
      } finally {
        await nginx.stop()
      }
    }

    test('one of an authority that nobody here knows is taken with NODE_EXTRA_CA_CERTS, as it says', async () => {
      const { examined } = await over('IP:127.0.0.1', { days: 90, trusted: false })
      expect(checkOf(examined, 'tls').change[0]).toMatch(
        /^NODE_EXTRA_CA_CERTS=<PEM file of its authority> mcp-sse doctor https:\/\/127\.0\.0\.1:\d+ /,
      )
    })

    test('http at a port of https is seen, and what to type instead', async () => {
      const { key, cert } = authority.issue('IP:127.0.0.1', 90)
      writeFileSync(join(dir.path, 'key.pem'), key)
      writeFileSync(join(dir.path, 'cert.pem'), cert)
      const port = freePort()
      const tls = [`listen 127.0.0.1:${port} ssl;`, `ssl_certificate ${dir.path}/cert.pem;`]
      const nginx = await Nginx.start(recipe({ server: [...tls, `ssl_certificate_key ${dir.path}/key.pem;`] }))
      try {
        const { examined } = await doctor(`http://127.0.0.1:${port}`, { key: KEY })
        expect(troubles(examined)).toEqual({ reach: 'fail' })
        const { saw, change } = checkOf(examined, 'reach')
        expect(saw).toMatch(/it may speak https/)
        expect(change).toEqual([`mcp-sse doctor https://127.0.0.1:${port}`])
      } finally {
        await nginx.stop()
      }
    })

    test('nothing is found over TLS with HTTP/2', async () => {
      const { examined } = await over('IP:127.0.0.1', { days: 90 })
      expect(troubles(examined)).toEqual({})
      expect(checkOf(examined, 'tls').saw).toMatch(/^TLSv1\.[23], h2, certificate until /)
    })

    test('TLS without HTTP/2 is a warning', async () => {
      const { examined, exitCode } = await over('IP:127.0.0.1', { days: 90, http2: false })
      expect(troubles(examined)).toEqual({ tls: 'warn' })
      expect(exitCode).toBe(0)
    })

    test('a certificate that ends in two days is a warning', async () => {
      expect(troubles((await over('IP:127.0.0.1', { days: 2 })).examined)).toEqual({ tls: 'warn' })
    })

    test.each([
      ['has expired', 'IP:127.0.0.1', { days: -1 }, /it has expired/],
      ['is for another name', 'other.example', { days: 90 }, /it is not for 127\.0\.0\.1/],
      ['nobody trusts', 'IP:127.0.0.1', { days: 90, trusted: false }, /not in order/],
    ])('a certificate that %s is found, and no key is sent', async (_, name, options, saw) => {
      const { examined, exitCode, requests } = await over(name, options)
      expect(exitCode).toBe(1)
      expect(troubles(examined)).toEqual({ tls: 'fail' })
      expect(checkOf(examined, 'tls').saw).toMatch(saw)
      expect(requests).toBe('')
    })
  })

  describe('a restart', () => {
    /** For these readers alone: publishers would be told 200. */
    const AWAY = [
      'error_page 502 503 504 = @away;',
      'location @away { default_type text/event-stream; return 200 "retry: 200\\n\\n"; }',
    ]

    async function restarted(server: readonly string[]) {
      const nginx = await Nginx.start(recipe({ server }))
      try {
        const restart = async () => {
          await hub.kill('SIGTERM')
          // Readers come back in the meantime.
          await until('nginx to answer in its place', async () => / 502$/m.test(await nginx.requests()))
          await hub.start()
        }
        return await doctor(nginx.url, { key: KEY, args: ['--restart', '20s'], restart })
      } finally {
        await nginx.stop()
      }
    }

    test('that readers are told of with 502 is found: an EventSource does not come back', async () => {
      const { examined, exitCode, stderr } = await restarted([])
      expect(troubles(examined)).toEqual({ restart: 'fail' })
      expect(checkOf(examined, 'restart').saw).toMatch(/502 \d+ times.* never comes back/)
      expect(stderr).toContain('Restart the hub now')
      expect(exitCode).toBe(1)
      // A line for all requests would tell publishers 200 for what is lost: the recipe tells streams alone.
      const change = checkOf(examined, 'restart').change.join('\n')
      expect(change).toContain('streams and nothing else')
      expect(change).toContain('mcp-sse doctor --recipe nginx')
      expect(change).not.toContain('error_page')
    })

    test('that is bridged with a stream of the proxy is none to worry about', async () => {
      const { examined } = await restarted(AWAY)
      expect(troubles(examined)).toEqual({})
      expect(checkOf(examined, 'restart').saw).toMatch(/200 \d+ times/)
    })
  })
})

/** Caddy's recipe is for a name, which this machine has no address for. */
describe.each(['nginx', 'HAProxy'] as const)('behind %s, as docs/deploy.md has it', (name) => {
  test.skipIf(!findProxy(name))('nothing is found, during a restart neither', async () => {
    using authority = certificates()
    using dir = tempDir()
    const ca = join(dir.path, 'ca.pem')
    writeFileSync(ca, authority.ca)
    const front = await FrontProxy.start(name, hub.port, authority.issue('IP:127.0.0.1', 90))
    try {
      const { examined, exitCode } = await doctor(`https://127.0.0.1:${front.port}`, {
        key: KEY,
        args: ['--restart', '20s', ...HELD],
        env: { NODE_EXTRA_CA_CERTS: ca },
        executable: true,
        restart: async () => {
          await hub.kill('SIGTERM')
          await hub.start()
        },
      })
      expect(troubles(examined)).toEqual({})
      expect({ exitCode, left: examined.left }).toEqual({ exitCode: 0, left: null })
      expect(examined.checks.filter(({ verdict }) => verdict === 'skipped')).toEqual([])
    } finally {
      await front.stop()
    }
  })
})

test('nothing is found without a proxy', async () => {
  const { examined, exitCode } = await doctor(hub.url, { key: KEY, args: HELD, executable: true })
  expect(troubles(examined)).toEqual({})
  expect({ exitCode, proxy: examined.proxy, left: examined.left }).toEqual({ exitCode: 0, proxy: null, left: null })
})
