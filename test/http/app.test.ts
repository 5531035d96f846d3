import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { openapiDocument } from '../../src/http/openapi/openapi.ts'
import { schemas } from '../../src/http/openapi/schemas.ts'
import { statusOf } from '../../src/http/problem.ts'
import { tokenSettings } from '../support/authority.ts'
import { expectProblem } from '../support/problem.ts'
import { type ServedHub, servedHub } from '../support/served-hub.ts'
import { until } from '../support/until.ts'

let served: ServedHub
beforeAll(async () => {
  served = await servedHub()
  served.app.get('/fails', () => {
    throw new Error('secret path /srv/x')
  })
})
afterAll(() => served.close())

test('an unknown route names the nearest one', async () => {
  const problem = await expectProblem(await served.fetch('/evnts/a'), 404, 'not-found')
  expect(problem.detail).toContain('/events')
  await expectProblem(await served.fetch('/entirely/else', { method: 'POST', body: 'x' }), 404, 'not-found')
})

test('a known route asked in another way says which ways there are', async () => {
  for (const [method, path, allow] of [
    ['PUT', '/events', 'GET, HEAD, OPTIONS, POST'],
    ['PATCH', '/events/a/b', 'DELETE, GET, HEAD, OPTIONS, POST'],
    ['POST', '/topics', 'GET, HEAD, OPTIONS'],
    ['GET', '/topics/a', 'DELETE, OPTIONS'],
    ['POST', '/', 'GET, HEAD, OPTIONS'],
    ['DELETE', '/webhooks', 'GET, HEAD, OPTIONS'],
    ['POST', '/webhooks/forward:a', 'GET, HEAD, OPTIONS'],
    ['GET', '/webhooks/forward:a/enable/', 'OPTIONS, POST'],
  ] as const) {
    const response = await served.fetch(path, { method, body: method === 'GET' ? null : 'x' })
    expect(response.headers.get('allow')).toBe(allow)
    await expectProblem(response, 405, 'method-not-allowed')
    const options = await served.fetch(path, { method: 'OPTIONS' })
    expect({ status: options.status, allow: options.headers.get('allow') }).toEqual({ status: 204, allow })
  }
})

test('HEAD of a stream of MCP messages is refused with what else its path may be asked with', async () => {
  for (const [path, allow] of [
    ['/mcp', 'DELETE, GET, OPTIONS, POST'],
    ['/sse', 'GET, OPTIONS'],
  ] as const) {
    const response = await served.fetch(path, { method: 'HEAD' })
    expect([response.status, response.headers.get('allow')]).toEqual([405, allow])
    const options = await served.fetch(path, { method: 'OPTIONS' })
    expect(options.headers.get('allow')).toBe(allow)
  }
})

test('JSON that is posted to the page is told where MCP speaks', async () => {
  const post = (type: string) => served.fetch('/', { method: 'POST', headers: { 'content-type': type }, body: '{}' })
  const json = await expectProblem(await post('application/json'), 405, 'method-not-allowed')
  expect(json.detail).toContain('MCP speaks at /mcp')
  const other = await expectProblem(await post('text/plain'), 405, 'method-not-allowed')
  expect(other.detail).not.toContain('MCP')
})

test('a failure nobody foresaw is reported, and shows the client nothing of itself', async () => {
  const response = await served.fetch('/fails')
  const text = await response.clone().text()
  await expectProblem(response, 500, 'internal')
  expect(text).not.toContain('secret')
  expect(served.reports.splice(0)).toEqual([expect.objectContaining({ message: 'secret path /srv/x' })])
})

test('HEAD has the headers of GET, no body, and opens no stream', async () => {
  for (const path of ['/events', '/events/a/**', '/topics', '/livez', '/openapi.json', '/']) {
    const response = await served.fetch(path, { method: 'HEAD' })
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('')
  }
  expect((await served.fetch('/events', { method: 'HEAD' })).headers.get('content-type')).toBe('text/event-stream')
  expect(served.hub.connections).toBe(0)
})

test('the page and no icon are there', async () => {
  const page = await served.fetch('/')
  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
  const again = await served.fetch('/', { headers: { 'if-none-match': page.headers.get('etag')! } })
  expect(again.status).toBe(304)
  expect((await served.fetch('/favicon.ico')).status).toBe(204)
})

test('readiness ends with the hub, liveness does not', async () => {
  const own = await servedHub()
  const ask = async (path: string): Promise<[number, string]> => {
    const response = await own.fetch(path)
    return [response.status, await response.text()]
  }
  expect(await ask('/livez')).toEqual([200, 'ok\n'])
  for (const path of ['/readyz', '/healthz']) expect(await ask(path)).toEqual([200, '{"status":"ready"}'])
  await own.hub.drain()
  expect(await ask('/livez')).toEqual([200, 'ok\n'])
  for (const path of ['/readyz', '/healthz']) expect(await ask(path)).toEqual([503, '{"status":"draining"}'])
  await own.close()
})

describe('/openapi.json', () => {
  interface Document {
    paths: Record<string, Record<string, { security?: object[]; responses: object }>>
    components: { securitySchemes: Record<string, { name?: string }> }
    info: object
  }
  const document = openapiDocument('1.2.3', 'hub_token') as unknown as Document

  test('names every route that is registered, and no other', () => {
    const registered = served.app.routes
      .filter(
        ({ method, path }) =>
          !['OPTIONS', 'HEAD'].includes(method) && !['/favicon.ico', '/fails', '/.well-known/*'].includes(path),
      )
      .map(({ method, path }) => `${method} ${path.replace('*', '{topic}').replace(/:(\w+)/, '{$1}')}`)
    const documented = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    )
    expect(documented.sort()).toEqual([...new Set(registered)].sort())
  })

  test('refers only to schemas it has, and is served as it is', async () => {
    const text = JSON.stringify(document)
    for (const [, name] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g))
      expect(Object.keys(schemas)).toContain(name!)
    expect(document.info).toMatchObject({ version: '1.2.3' })
    const response = await served.fetch('/openapi.json')
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(await response.json()).toMatchObject({ openapi: '3.1.0', info: { version: '0.0.0-test' } })
  })

  test('names the cookie that counts, and none on a server that takes no cookie', async () => {
    expect(document.components.securitySchemes.cookie?.name).toBe('hub_token')
    expect(document.paths['/events']?.get?.security).toContainEqual({ cookie: [] })
    const asked = async (at: ServedHub) => (await at.fetch('/openapi.json')).json() as Promise<Document>
    const tokens = tokenSettings({ cookie: 'session' })
    const own = await servedHub({ access: { tokens } })
    expect((await asked(own)).components.securitySchemes.cookie?.name).toBe('session')
    await own.reload({ tokens: { ...tokens, cookie: undefined } })
    for (const none of [await asked(own), await asked(served)]) {
      const schemes = Object.keys(none.components.securitySchemes)
      expect(schemes).toEqual(['bearer', 'ticket', 'key'])
      const named = Object.values(none.paths).flatMap((operations) =>
        Object.values(operations).flatMap(({ security = [] }) => security.flatMap(Object.keys)),
      )
      expect(new Set(named)).toEqual(new Set(schemes))
    }
    await own.close()
  })

  test('says of every route that takes a token that its issuer may not answer', () => {
    for (const operations of Object.values(document.paths))
      for (const { security = [], responses } of Object.values(operations))
        if (security.length > 0) expect(Object.keys(responses)).toContain('503')
  })

  test('lists every code a problem can have', () => {
    expect(schemas.Problem).toMatchObject({ properties: { code: { enum: Object.keys(statusOf) } } })
  })
})

test('many connections that come and go while publishing leave no stream behind', async () => {
  for (let round = 0; round < 20; round++) {
    const controller = new AbortController()
    const response = await served.fetch('/events/a', { signal: controller.signal })
    expect(response.status).toBe(200)
    controller.abort()
  }
  await until('all streams gone', () => served.hub.connections === 0)
})
