import { afterEach, describe, expect, test } from 'bun:test'
import { newApiKey } from '../../src/auth/api-keys.ts'
import { signToken } from '../../src/auth/signed-token.ts'
import { Executable } from '../support/executable.ts'
import { RawStream } from '../support/raw-stream.ts'
import { expectSecret, registerSecret, secret, takeFinds } from '../support/secrets.ts'
import { until } from '../support/until.ts'

let server: Executable
afterEach(() => server?.remove())

test('the search sees what the executable writes: a planted secret is found', async () => {
  // A start says where the data is: here the place for it is a secret.
  const planted = secret('a planted one')
  server = await Executable.serve({ DATA_DIR: `./${planted}` })
  // Up to the last line of it: what comes later would be found once more.
  await until('its first lines', () => server.output.includes('/events/greetings\n'))
  expect(server.output).toContain(planted)
  expect(takeFinds()).toEqual([{ place: 'what the server wrote', secret: 'a planted one (as it is)' }])
})

describe('a hub with every kind of credential, the right ones and the wrong ones in every place', () => {
  const key = registerSecret(newApiKey().key, 'auth.key')
  const publisher = registerSecret(newApiKey().key, 'a key that only publishes')
  const signing = secret('auth.jwt.secret', 'signing-')
  const older = secret('the second auth.jwt.secret', 'signing-')
  const foreign = secret('somebody else’s secret', 'signing-')

  async function tokens(): Promise<string[]> {
    const grants = { publish: ['**'], subscribe: ['**'] }
    const signed = [
      signToken(signing, { sub: 'alice', grants }, { now: Date.now(), ttlMs: 600_000 }),
      signToken(older, { sub: 'bob', grants }, { now: Date.now(), ttlMs: 600_000 }),
      signToken(signing, { sub: 'late', grants }, { now: Date.now() - 3_600_000, ttlMs: 60_000 }),
      signToken(foreign, { sub: 'eve', grants }, { now: Date.now(), ttlMs: 600_000 }),
    ]
    return (await Promise.all(signed)).map((token) => registerSecret(token, 'a token'))
  }

  test('shows none of them in an answer, a stream or a log line', async () => {
    server = await Executable.serve({
      MCP_SSE_AUTH_KEY: key,
      MCP_SSE_AUTH_JWT_SECRET: `${signing},${older}`,
      MCP_SSE_AUTH_JWT_COOKIE: 'session',
    })
    const authorized = { authorization: `Bearer ${key}` }
    const issued = expectSecret(
      await fetch(`${server.url}/tickets`, {
        method: 'POST',
        headers: { ...authorized, 'content-type': 'application/json' },
        body: '{"topics":["orders/**"]}',
      }),
    )
    const { ticket } = (await issued.json()) as { ticket: string }
    registerSecret(ticket, 'a ticket')
    const shown = [
      key,
      publisher,
      ...(await tokens()),
      ticket,
      secret('a wrong key', 'mcpsse_'),
      `${key.slice(0, -1)}A`,
    ]

    const statuses = new Set<number>()
    const ask = async (path: string, init: RequestInit): Promise<void> => {
      const response = await fetch(server.url + path, init)
      statuses.add(response.status)
      if (response.headers.get('content-type') === 'text/event-stream') {
        const reader = response.body!.getReader()
        await reader.read()
        await reader.cancel()
      } else await response.text()
    }
    for (const text of shown) {
      const ways: [string, RequestInit][] = [
        ['', { headers: { authorization: `Bearer ${text}` } }],
        ['', { headers: { authorization: `bearer   ${text}` } }],
        ['', { headers: { authorization: `Basic ${btoa(`user:${text}`)}` } }],
        ['', { headers: { authorization: text } }],
        ['', { headers: { cookie: `session=${text}` } }],
        ['', { headers: { cookie: `session=${text}; session=${text}` } }],
        [`?ticket=${text}`, {}],
        [`?ticket=${text}&ticket=${text}`, {}],
        [`?key=${text}`, {}],
        [`?token=${text}`, {}],
        [`?ticket=${text}`, { headers: authorized }],
      ]
      for (const [query, init] of ways) {
        await ask(`/events/orders/1${query}`, init)
        await ask(`/events/orders/1${query}`, { ...init, method: 'POST', body: 'paid' })
        await ask(`/events${query ? `${query}&` : '?'}format=json`, init)
        for (const path of ['/whoami', '/topics', '/metrics', '/nowhere', '/']) await ask(path + query, init)
        await ask(`/tickets${query}`, { ...init, method: 'POST', body: '{"topcs":[]}' })
        await ask(`/topics/nothing${query}`, { ...init, method: 'DELETE' })
        await ask(`/events${query}`, { ...init, method: 'OPTIONS', headers: { ...init.headers, origin: 'null' } })
      }
    }
    for (const status of [200, 201, 400, 401, 403, 404]) expect(statuses).toContain(status)
    const raw = await RawStream.open(`${server.url}/events/orders/1?ticket=${ticket}&since=earliest`)
    expect(raw.status).toBe(200)
    await raw.next()
    raw.drop()
    // The log did say something about them.
    await until('a line about refusals', () => /credential-invalid/.test(server.output))
    await server.kill('SIGTERM')
  })
})
