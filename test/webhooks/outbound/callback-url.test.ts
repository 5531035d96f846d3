import { describe, expect, test } from 'bun:test'
import { HubError } from '../../../src/core/errors.ts'
import { callbackUrl } from '../../../src/webhooks/outbound/callback-url.ts'
import { type AddressRule, PUBLIC_ONLY } from '../../../src/webhooks/outbound/outcome.ts'

const LOOPBACK = { loopback: true, private: false }
const PRIVATE = { loopback: false, private: true }

function refusal(text: string, rule: AddressRule = PUBLIC_ONLY): HubError {
  try {
    callbackUrl(text, rule, '/delivery/url')
  } catch (error) {
    if (error instanceof HubError) return error
    throw error
  }
  throw new Error(`It was taken: ${text}`)
}

test.each([
  'https://hooks.example.net/mcp/cb1',
  'https://hooks.example.net',
  'https://hooks.example.net:8443/a?b=c&d=%C3%A9',
  'HTTPS://Hooks.Example.NET/Path',
  'https://xn--bcher-kva.example/',
  'https://a_b.example.net/',
  'https://connectors.api.openai.com/webhook/mcp-events/0123456789abcdef0123456789abcdef',
  'https://127.0.0.1.example.net/',
  'https://localhost.example.net/',
])('%s is a callback', (text) => {
  expect(callbackUrl(text, PUBLIC_ONLY, '').href).toBe(new URL(text).href)
})

describe('34: refused, whoever asks', () => {
  const everyRule = [PUBLIC_ONLY, LOOPBACK, PRIVATE, { loopback: true, private: true }]
  test.each([
    ['no address at all', ''],
    ['a path', '/mcp'],
    ['a name', 'receiver.example.net'],
    ['without slashes', 'https:hooks.example.net'],
    ['with one slash', 'https:/hooks.example.net'],
    ['with three', 'https:///hooks.example.net'],
    ['another scheme', 'ftp://hooks.example.net/'],
    ['a file', 'file:///etc/passwd'],
    ['data', 'data:text/plain,x'],
    ['a user name', 'https://user@hooks.example.net/'],
    ['a password', 'https://user:password@hooks.example.net/'],
    ['an empty user name', 'https://@hooks.example.net/'],
    ['a user name that looks like the host', 'https://hooks.example.net:443@10.0.0.1/'],
    ['a fragment', 'https://hooks.example.net/#x'],
    ['an empty fragment', 'https://hooks.example.net/#'],
    ['port 0', 'https://hooks.example.net:0/'],
    ['a port that is none', 'https://hooks.example.net:65536/'],
    ['white space before', ' https://hooks.example.net/'],
    ['a line break inside', 'https://hooks.exam\nple.net/'],
    ['a tab in the scheme', 'ht\ttps://hooks.example.net/'],
    ['a NUL', 'https://hooks.example.net/\0'],
    ['a backslash', 'https:\\\\hooks.example.net\\'],
    ['a backslash after the name', 'https://hooks.example.net\\@10.0.0.1/'],
    ['digits of another script', 'https://１２７.0.0.1/'],
    ['a dot of another script', 'https://hooks。example.net/'],
    ['an invisible letter', 'https://hooks.ex\u00adample.net/'],
    ['half a surrogate pair', 'https://hooks.example.net/\ud800'],
    ['a dot at the end', 'https://hooks.example.net./'],
    ['localhost with a dot', 'https://localhost./'],
    ['an empty label', 'https://hooks..example.net/'],
    ['a label too long', `https://${'a'.repeat(64)}.example.net/`],
    ['a name too long', `https://${'a.'.repeat(127)}example/`],
    ['a zone', 'https://[fe80::1%25eth0]/'],
    ['a link-local address', 'https://[fe80::1]/'],
    ['the metadata of a cloud', 'https://169.254.169.254/'],
    ['the unspecified address', 'https://0/'],
    ['the unspecified address of IPv6', 'https://[::]/'],
    ['a mapped address', 'https://[::ffff:127.0.0.1]/'],
    ['a mapped address in hexadecimal', 'https://[::ffff:7f00:1]/'],
    ['loopback through NAT64', 'https://[64:ff9b::127.0.0.1]/'],
    ['multicast', 'https://224.0.0.1/'],
    ['broadcast', 'https://255.255.255.255/'],
    ['2,049 bytes', `https://hooks.example.net/${'a'.repeat(2049 - 26)}`],
  ])('%s', (_, text) => {
    for (const rule of everyRule) {
      const { code, pointer, message } = refusal(text, rule)
      expect({ code, pointer }).toEqual({ code: 'invalid-arguments', pointer: '/delivery/url' })
      if (text.length > 8) expect(message).not.toContain(text)
    }
  })
})

describe('54: refused to strangers, in every spelling', () => {
  test.each([
    ...['http://hooks.example.net/', 'https://localhost/', 'https://LOCALHOST:8443/', 'https://a.localhost/'],
    ...['https://127.0.0.1/', 'https://127.1/', 'https://2130706433/', 'https://0x7f.1/', 'https://0x7f000001/'],
    ...['https://0177.0.0.1/', 'https://017700000001/', 'https://127.0.0.1./', 'https://%31%32%37.0.0.1/'],
    ...['https://[::1]/', 'https://[0:0:0:0:0:0:0:1]/', 'https://10.0.0.1/', 'https://167772161/', 'https://0xa.1/'],
    ...['https://192.168.1.1/', 'https://[fd00::1]/', 'https://8.8.8.8/', 'https://[2606:4700:4700::1111]/'],
    ...['https://intranet/', 'https://printer.local/', 'https://vault.internal/', 'https://nas.home.arpa/'],
    ...['https://metadata.google.internal/', 'https://expyuzz4wqqyqhjn.onion/'],
  ])('%s', (text) => {
    expect(refusal(text).code).toBe('invalid-arguments')
  })
})

test('a URL of exactly 2,048 bytes is taken', () => {
  const text = `https://hooks.example.net/${'a'.repeat(2048 - 26)}`
  expect(callbackUrl(text, PUBLIC_ONLY, '').href).toBe(text)
})

describe('where loopback is permitted', () => {
  test.each([
    'http://127.0.0.1:3000/',
    'http://[::1]:3000/',
    'http://localhost/',
    'https://localhost/',
    'http://127.1/',
  ])('%s is taken', (text) => {
    expect(callbackUrl(text, LOOPBACK, '').protocol).toBe(new URL(text).protocol)
  })

  test.each([
    'http://hooks.example.net/',
    'http://10.0.0.1/',
    'https://10.0.0.1/',
    'https://intranet/',
    'http://8.8.8.8/',
  ])('%s is refused all the same', (text) => {
    expect(refusal(text, LOOPBACK).code).toBe('invalid-arguments')
  })
})

describe('where the operator permits private addresses', () => {
  test.each([
    'http://10.0.0.1:5678/',
    'http://n8n:5678/',
    'https://nas.local/',
    'http://[fd00::1]/',
    'http://8.8.8.8/',
  ])('%s is taken', (text) => {
    expect(callbackUrl(text, PRIVATE, '').protocol).toBe(new URL(text).protocol)
  })

  test.each(['http://127.0.0.1/', 'http://localhost/', 'http://[::1]/', 'http://169.254.169.254/latest', 'http://0/'])(
    '%s is refused all the same',
    (text) => {
      expect(refusal(text, PRIVATE).code).toBe('invalid-arguments')
    },
  )
})
