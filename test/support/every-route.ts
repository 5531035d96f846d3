import { expect } from 'bun:test'
import { expectProblem } from './problem.ts'
import type { ServedHub } from './served-hub.ts'

/** Every route there is, and one there is not: what is true of all must be true of each. */
export function everyRoute(served: ServedHub): { method: string; path: string }[] {
  const routes = served.app.routes.map(({ method, path }) => ({ method, path: path.replace(/\*|:\w+/, 'a') }))
  return [...routes, { method: 'GET', path: '/nothing' }, { method: 'PUT', path: '/events' }]
}

/** With these headers, in every method, and nothing is stored. */
export async function everyRouteRefuses(
  served: ServedHub,
  code: Parameters<typeof expectProblem>[2],
  headers: Record<string, string>,
) {
  const before = served.log.head
  for (const { method, path } of everyRoute(served)) {
    const response = await served.fetch(path, { method, headers, body: method === 'POST' ? 'x' : null })
    await expectProblem(response, 403, code)
  }
  for (const { path } of everyRoute(served)) {
    expect((await served.fetch(path, { method: 'HEAD', headers })).status).toBe(403)
    await expectProblem(await served.fetch(path, { method: 'OPTIONS', headers }), 403, code)
  }
  expect(served.log.head).toBe(before)
}
