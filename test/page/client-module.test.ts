import { describe, expect, test } from 'bun:test'
import { loadClient } from '../../src/page/client-module.ts'

const client = loadClient()
const text = new TextDecoder().decode(client.body)

describe('/client.js', () => {
  test('it is one module without imports that exports connect and nothing else', () => {
    const { exports, imports } = new Bun.Transpiler({ loader: 'js' }).scan(text)
    expect(exports).toEqual(['connect'])
    expect(imports).toEqual([])
  })

  test('it fits in 6 KiB', () => {
    expect(client.body.byteLength).toBeLessThanOrEqual(6 * 1024)
  })

  test('it lets pages of any site embed it, and a browser asks whether it is still the same', async () => {
    const first = client.respond(null)
    expect(first.status).toBe(200)
    expect(first.headers.get('content-type')).toBe('text/javascript; charset=utf-8')
    // Who may read it as a module is the gate's to say (test/http/gate-credentials.test.ts).
    expect(first.headers.has('access-control-allow-origin')).toBe(false)
    expect(first.headers.get('cross-origin-resource-policy')).toBe('cross-origin')
    expect(first.headers.get('cache-control')).toBe('no-cache')
    expect(await first.text()).toBe(text)
    const again = client.respond(first.headers.get('etag'))
    expect([again.status, await again.text()]).toEqual([304, ''])
  })
})
