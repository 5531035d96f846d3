import { describe, expect, test } from 'bun:test'
import { Hosts, parseHost } from '../../src/auth/host.ts'

const hosts = new Hosts({ publicUrl: 'https://events.example', allowedHosts: ['hub.internal', 'exact.internal:8080'] })

function known(header: string | null): boolean {
  const host = parseHost(header)
  return host !== undefined && hosts.knows(host)
}

describe('a Host', () => {
  test.each([
    'localhost',
    'localhost:3000',
    'LOCALHOST',
    '127.0.0.1:80',
    '127.1.2.3',
    '[::1]:3000',
    'hub.localhost',
    'events.example',
    'Events.Example:443',
    'hub.internal',
    'hub.internal:9',
    'exact.internal:8080',
  ])('%s is known', (header) => expect(known(header)).toBe(true))

  test.each([
    'evil.example',
    'localhost.evil.example:3000',
    '127.0.0.1.nip.io',
    '0.0.0.0',
    '[::]',
    '[::ffff:7f00:1]',
    'exact.internal',
    'exact.internal:8081',
    'xhub.internal',
    'hub.internal.evil.example',
  ])('%s is not (DNS rebinding)', (header) => expect(known(header)).toBe(false))

  test.each([
    null,
    '',
    'a, b',
    'localhost, localhost',
    'a@localhost',
    'localhost/x',
    'localhost?x',
    'localhost#x',
    ':3000',
    'localhost:',
    'localhost:99999',
    'localhost:03000',
    '127.1',
    '0x7f.0.0.1',
    '2130706433',
    '[',
    '[0:0:0:0:0:0:0:1]',
    'lo cal',
    'hé',
    'l%6fcalhost',
    'http://localhost',
    // Names to URL parsers, and what would end a quoted string of a header that is built of it.
    'a"b',
    'a"b:80',
    'a{b}',
    'a`b',
    'a%22b',
  ])('%p is none at all', (header) => expect(parseHost(header)).toBeUndefined())
})
