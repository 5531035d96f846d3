import { describe, expect, test } from 'bun:test'
import { forwardedFromElsewhere } from '../../src/auth/proxy.ts'

const from = (headers: Record<string, string>) => forwardedFromElsewhere(new Headers(headers))

describe('a proxy brings in somebody else', () => {
  test.each([
    ['x-forwarded-for', '203.0.113.9'],
    ['x-forwarded-for', '203.0.113.9, 127.0.0.1'],
    ['x-forwarded-for', '127.0.0.1, 203.0.113.9'],
    ['x-forwarded-for', ''],
    ['x-forwarded-for', 'unknown'],
    ['x-forwarded-for', '127.0.0.1.evil.example'],
    ['x-forwarded-for', '::ffff:203.0.113.9'],
    ['x-real-ip', '10.0.0.8'],
    ['x-original-forwarded-for', '203.0.113.9'],
    ['true-client-ip', '203.0.113.9'],
    ['cf-connecting-ip', '2001:db8::1'],
    ['x-client-ip', '192.168.1.4'],
    ['x-forwarded-host', 'events.example'],
    ['x-forwarded-host', 'localhost, events.example'],
    ['x-forwarded-host', 'localhost.evil.example'],
    ['x-forwarded-server', 'proxy.internal'],
    ['forwarded', 'for=203.0.113.9'],
    ['forwarded', 'for="[2001:db8:cafe::17]:4711"'],
    ['forwarded', 'for=_hidden'],
    ['forwarded', 'for=unknown'],
    ['forwarded', 'for=127.0.0.1, for=203.0.113.9;proto=https'],
    ['forwarded', 'host=events.example;proto=https'],
    ['forwarded', 'by=203.0.113.9'],
    ['forwarded', 'for="127.0.0.1'],
    ['forwarded', 'for 127.0.0.1'],
    ['forwarded', 'for=127.0.0.1;for=127.0.0.1'],
    ['forwarded', ''],
    ['forwarded-for', '203.0.113.9'],
    ['fly-client-ip', '203.0.113.9'],
    ['x-envoy-external-address', '203.0.113.9'],
    ['cdn-loop', 'content-network'],
    ['tailscale-user-login', 'alice@example.com'],
    ['via', '1.1 varnish'],
    ['via', '1.1 localhost, 1.1 cache.example'],
    ['via', '1.1'],
  ])('that says %s: %s', (name, value) => expect(from({ [name]: value })).toBe(name))
})

describe('a proxy on this machine for this machine is none', () => {
  test.each([
    ['x-forwarded-for', '127.0.0.1'],
    ['x-forwarded-for', '127.0.0.1:51312, ::1, [::1]:80'],
    ['x-forwarded-for', '::ffff:127.0.0.1'],
    ['x-real-ip', '::1'],
    ['x-forwarded-host', 'localhost:5173'],
    ['x-forwarded-host', 'app.localhost'],
    ['x-forwarded-proto', 'https'],
    ['x-forwarded-port', '443'],
    ['forwarded', 'for=127.0.0.1;host=localhost:5173;proto=http;by="[::1]:80"'],
    ['forwarded', 'FOR="127.0.0.1:80" , for="\\127.0.0.1"'],
    ['via', '1.1 localhost (a development server)'],
  ])('that says %s: %s', (name, value) => expect(from({ [name]: value })).toBeUndefined())

  test('and no proxy at all neither', () => expect(from({ host: 'localhost' })).toBeUndefined())
})
