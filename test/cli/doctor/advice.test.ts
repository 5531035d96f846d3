import { expect, test } from 'bun:test'
import { ADVICE, adviceFor } from '../../../src/cli/doctor/advice.ts'
import { frontBy } from '../../../src/cli/doctor/front.ts'

test.each([
  [{ server: 'nginx/1.22.1' }, 'nginx'],
  [{ server: 'openresty' }, 'nginx'],
  [{ via: '1.1 Caddy' }, 'caddy'],
  [{ server: 'Caddy' }, 'caddy'],
  [{ server: 'cloudflare' }, undefined],
])('%p is what is in front', (headers, kind) => {
  expect(frontBy(new Headers(headers))?.kind).toBe(kind as never)
})

test('no header that names it is nobody in front, as far as is known', () => {
  expect(frontBy(new Headers({ date: 'x' }))).toBeUndefined()
})

test('a proxy that is known is told its own line and its recipe', () => {
  expect(adviceFor(ADVICE.host, { kind: 'traefik', name: 'traefik' })).toEqual([
    'traefik: passHostHeader: true   # of the loadBalancer',
    'more: mcp-sse doctor --recipe traefik   prints the whole (docs/deploy.md#traefik)',
  ])
})

test('one that is known and has no such line is told what has to be', () => {
  const [sentence, more] = adviceFor(ADVICE.mcpVersion, { kind: 'caddy', name: 'Caddy' })
  expect(sentence).toBe(ADVICE.mcpVersion.general)
  expect(more).toBe('more: mcp-sse doctor --recipe caddy   prints the whole (docs/deploy.md#caddy)')
})

test('where nobody says who it is, the line of nginx stands beside what has to be', () => {
  expect(adviceFor(ADVICE.size, undefined)).toEqual([
    ADVICE.size.general,
    'nginx: client_max_body_size 8m;   # in server',
    'more: mcp-sse doctor --recipe nginx   prints a whole one; so do caddy, haproxy and traefik (docs/deploy.md)',
  ])
})
