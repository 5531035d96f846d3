import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { ClientAddresses } from '../../src/auth/address.ts'
import { parseForwarded } from '../../src/auth/forwarded.ts'
import { parseHost } from '../../src/auth/host.ts'
import { forwardedFromElsewhere } from '../../src/auth/proxy.ts'
import { cpuMs } from '../support/cpu-time.ts'

const addresses = new ClientAddresses(['127.0.0.0/8', '::1', '10.1.0.0/16', '2001:db8:1::/48'])
const of = (remote: string | undefined, headers: Record<string, string> = {}) =>
  addresses.of(new Headers(headers), remote)

describe('the address of a client', () => {
  test('is the one of its socket, whatever it says itself', () => {
    expect(of('203.0.113.9')).toBe('203.0.113.9')
    expect(of('203.0.113.9', { 'x-forwarded-for': '198.51.100.1', forwarded: 'for=198.51.100.1' })).toBe('203.0.113.9')
    expect(of('::ffff:203.0.113.9')).toBe('203.0.113.9')
  })

  test('is not counted for this machine, a proxy that names nobody, and nobody', () => {
    for (const remote of ['127.0.0.1', '::1', '::ffff:127.0.0.1', '10.1.2.3', undefined, ''])
      expect(of(remote)).toBe('')
    expect(new ClientAddresses([]).of(new Headers({ 'x-forwarded-for': '203.0.113.9' }), '127.0.0.1')).toBe('')
  })

  test('was asked for by https when a trusted proxy says so, in one word, and nobody else does', () => {
    const scheme = (remote: string | undefined, said?: string) =>
      addresses.schemeOf(new Headers(said === undefined ? {} : { 'x-forwarded-proto': said }), remote)
    for (const remote of ['127.0.0.1', '10.1.2.3', '::ffff:10.1.2.3']) {
      expect([scheme(remote, 'https'), scheme(remote, 'HTTPS')]).toEqual(['https', 'https'])
      for (const said of [undefined, 'http', 'https, http', 'http, https', 'wss', 'https"', ''])
        expect(scheme(remote, said)).toBe('http')
    }
    for (const remote of ['203.0.113.9', '10.2.0.1', undefined, '']) expect(scheme(remote, 'https')).toBe('http')
  })

  test('counts the /64 of IPv6 as one, or one customer would be 2^64 of them', () => {
    expect(of('2001:db8:2:3:4:5:6:7')).toBe('2001:db8:2:3::/64')
    expect(of('2001:db8:2:3:ffff::1')).toBe('2001:db8:2:3::/64')
  })

  test('behind trusted proxies is the right-most one that is none of them', () => {
    const spoofed = '198.51.100.1, 203.0.113.9, 10.1.0.4, 127.0.0.1'
    expect(of('127.0.0.1', { 'x-forwarded-for': spoofed })).toBe('203.0.113.9')
    expect(of('10.1.9.9', { 'x-forwarded-for': '198.51.100.1, [2001:db8:9::1]:443' })).toBe('2001:db8:9::/64')
    expect(of('2001:db8:1::5', { forwarded: 'for=198.51.100.1, for="203.0.113.9:80";proto=https' })).toBe('203.0.113.9')
    expect(of('127.0.0.1', { 'x-forwarded-for': '10.1.0.4' })).toBe('')
  })

  test('that nobody understands is one address for all of them', () => {
    expect(of('127.0.0.1', { 'x-forwarded-for': '203.0.113.9, unknown' })).toBe('unknown')
    expect(of('127.0.0.1', { forwarded: 'for=_hidden' })).toBe('unknown')
    expect(of('127.0.0.1', { forwarded: 'nonsense' })).toBe('unknown')
    // One of the two is the client's own.
    expect(of('127.0.0.1', { 'x-forwarded-for': '203.0.113.9', forwarded: 'for=198.51.100.1' })).toBe('unknown')
    expect(of('127.0.0.1', { 'x-forwarded-for': '203.0.113.9', forwarded: 'for=203.0.113.9' })).toBe('203.0.113.9')
  })
})

const headerText = fc.oneof(
  fc.string({ unit: 'binary-ascii', maxLength: 200 }),
  fc
    .array(fc.constantFrom('for', '=', '"', '\\', ';', ',', ' ', '[', ']', ':', '::1', '127.0.0.1', 'host', '_x'), {
      maxLength: 40,
    })
    .map((parts) => parts.join('')),
)

test('no header makes a parser fail, 10,000 of them', () => {
  const names = ['host', 'origin', 'x-forwarded-for', 'x-forwarded-host', 'forwarded', 'via']
  fc.assert(
    fc.property(headerText, (text) => {
      const value = text.replaceAll(/[^\t\x20-\x7e]/g, '')
      const headers = new Headers(names.map((name) => [name, value]))
      parseHost(value)
      parseForwarded(value)
      forwardedFromElsewhere(headers)
      expect(addresses.of(headers, '127.0.0.1')).toMatch(/^(?:|unknown|[\d.]+|[\da-f:]+\/64)$/)
    }),
    { numRuns: 10_000 },
  )
})

test('a header of 16 KiB costs no more than its length', async () => {
  for (const text of [
    '"\\'.repeat(8_000),
    'for="'.repeat(3_000),
    ' '.repeat(16_000),
    'a=b;'.repeat(4_000),
    '['.repeat(16_000),
    // Two runs of white space that meet where no pair follows: half a second when they were two repetitions.
    `a=b;${' '.repeat(15_500)}"`,
    `a=b${' '.repeat(15_500)}"`,
    `a=b;${' \t'.repeat(7_700)};${' '.repeat(100)}x`,
  ]) {
    const parse = () => {
      parseForwarded(text)
      forwardedFromElsewhere(new Headers({ 'x-forwarded-for': text.trim() || 'x', via: text.trim() || 'x' }))
    }
    expect(await cpuMs(parse)).toBeLessThan(100)
  }
})
