import { describe, expect, test } from 'bun:test'
import { parseHost } from '../../src/auth/host.ts'
import { Origins } from '../../src/auth/origin.ts'

const origins = new Origins({
  publicUrl: 'https://events.example',
  corsOrigins: ['https://app.example', 'https://app.example:8443', 'chrome-extension://abcdef'],
})

function classOf(headers: Record<string, string>, host = 'hub.example:3000', navigation = false) {
  const { class: found, cookies } = origins.of(new Headers(headers), parseHost(host)!, navigation)
  return cookies ? `${found} with cookies` : found
}

describe('an Origin header', () => {
  test.each([
    'http://localhost:5173',
    'https://localhost',
    'http://a.b.localhost:1',
    'http://127.0.0.1:3000',
    'http://127.9.8.7',
    'http://[::1]:3000',
  ])('%s is local', (origin) => expect(classOf({ origin })).toBe('local'))

  test.each([
    'null',
    '',
    'https://evil.example',
    'http://localhost.evil.example',
    'http://localhost@evil.example',
    'http://127.0.0.1.evil.example',
    'http://127.0.0.1:3000.evil.example',
    'http://notlocalhost',
    'http://128.0.0.1',
    'http://[::2]',
    'http://localhost:5173/path',
    'http://localhost, http://evil.example',
    'HTTP://LOCALHOST',
    'ftp://localhost',
    'file://',
    'localhost',
  ])('%p is foreign', (origin) => expect(classOf({ origin })).toBe('foreign'))
})

describe('of a request', () => {
  test.each([
    ['http://hub.example:3000', 'hub.example:3000', 'own with cookies'],
    ['https://hub.example', 'hub.example', 'own with cookies'],
    ['https://hub.example', 'hub.example:443', 'own with cookies'],
    ['http://hub.example', 'hub.example:80', 'own with cookies'],
    ['https://events.example', 'backend:3000', 'own with cookies'],
    ['http://localhost:3000', 'localhost:3000', 'own with cookies'],
    ['http://hub.example:3001', 'hub.example:3000', 'foreign'],
    ['http://hub.example', 'hub.example:443', 'foreign'],
    ['http://events.example', 'backend:3000', 'foreign'],
    // Whoever answers for the name on plain http would publish with the cookie of https.
    ['http://events.example', 'events.example', 'foreign'],
    ['http://events.example:3000', 'events.example:3000', 'own with cookies'],
    ['https://app.example', 'hub.example', 'listed with cookies'],
    ['https://app.example:8443', 'hub.example', 'listed with cookies'],
    ['chrome-extension://abcdef', 'hub.example', 'listed with cookies'],
    ['https://app.example.evil.example', 'hub.example', 'foreign'],
    ['https://app.example:8444', 'hub.example', 'foreign'],
    ['https://APP.example', 'hub.example', 'foreign'],
    ['http://app.example', 'hub.example', 'foreign'],
    ['https://xapp.example', 'hub.example', 'foreign'],
    ['http://localhost:5173', 'localhost:3000', 'local'],
    ['null', 'hub.example', 'foreign'],
    ['', 'hub.example', 'foreign'],
    ['http://hub.example, http://hub.example', 'hub.example', 'foreign'],
  ])('Origin %s to %s is %s', (origin, host, expected) => expect(classOf({ origin }, host)).toBe(expected))

  const navigate = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
  test('without Origin it is what the browser says of its site', () => {
    expect(classOf({})).toBe('none with cookies')
    for (const site of ['same-origin', 'none']) expect(classOf({ 'sec-fetch-site': site })).toBe('none with cookies')
    // A neighbour's page may link here but not with our cookies.
    expect(classOf({ 'sec-fetch-site': 'same-site' })).toBe('none')
    expect(classOf({ 'sec-fetch-site': 'something-new' })).toBe('none')
    expect(classOf({ 'sec-fetch-site': 'cross-site' })).toBe('foreign')
  })

  test('a link on a foreign page leads a person to the page at / and to nothing else', () => {
    expect(classOf(navigate, 'hub.example', true)).toBe('none')
    expect(classOf(navigate, 'hub.example', false)).toBe('foreign')
    expect(classOf({ ...navigate, 'sec-fetch-dest': 'iframe' }, 'hub.example', true)).toBe('foreign')
    expect(classOf({ ...navigate, 'sec-fetch-mode': 'no-cors' }, 'hub.example', true)).toBe('foreign')
  })
})

test('a server that ends TLS itself has no origin of plain http', () => {
  const secure = new Origins({ publicUrl: undefined, corsOrigins: undefined, tls: true })
  const classFor = (origin: string, host: string) => secure.of(new Headers({ origin }), parseHost(host)!, false).class
  expect(classFor('https://hub.example:3000', 'hub.example:3000')).toBe('own')
  expect(classFor('https://hub.example', 'hub.example')).toBe('own')
  expect(classFor('http://hub.example:3000', 'hub.example:3000')).toBe('foreign')
  expect(classFor('http://hub.example', 'hub.example')).toBe('foreign')
  expect(classFor('http://localhost:3000', 'localhost:3000')).toBe('local')
})
