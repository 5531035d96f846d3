import { describe, expect, test } from 'bun:test'
import { mayConnect } from '../../../src/webhooks/outbound/address-rule.ts'
import { PUBLIC_ONLY } from '../../../src/webhooks/outbound/outcome.ts'

const PRIVATE = { loopback: false, private: true }
const LOOPBACK = { loopback: true, private: false }
const ALL = { loopback: true, private: true }

/** First and last address, and of the neighbours those that are public. */
const refused: readonly (readonly [range: string, first: string, last: string, ...publicNeighbours: string[]])[] = [
  ['0.0.0.0/8', '0.0.0.0', '0.255.255.255', '1.0.0.0'],
  ['10.0.0.0/8', '10.0.0.0', '10.255.255.255', '9.255.255.255', '11.0.0.0'],
  ['100.64.0.0/10', '100.64.0.0', '100.127.255.255', '100.63.255.255', '100.128.0.0'],
  ['127.0.0.0/8', '127.0.0.0', '127.255.255.255', '126.255.255.255', '128.0.0.0'],
  ['169.254.0.0/16', '169.254.0.0', '169.254.255.255', '169.253.255.255', '169.255.0.0'],
  ['172.16.0.0/12', '172.16.0.0', '172.31.255.255', '172.15.255.255', '172.32.0.0'],
  ['192.0.0.0/24', '192.0.0.0', '192.0.0.255', '191.255.255.255', '192.0.1.0'],
  ['192.0.2.0/24', '192.0.2.0', '192.0.2.255', '192.0.1.255', '192.0.3.0'],
  ['192.88.99.0/24', '192.88.99.0', '192.88.99.255', '192.88.98.255', '192.88.100.0'],
  ['192.168.0.0/16', '192.168.0.0', '192.168.255.255', '192.167.255.255', '192.169.0.0'],
  ['198.18.0.0/15', '198.18.0.0', '198.19.255.255', '198.17.255.255', '198.20.0.0'],
  ['198.51.100.0/24', '198.51.100.0', '198.51.100.255', '198.51.99.255', '198.51.101.0'],
  ['203.0.113.0/24', '203.0.113.0', '203.0.113.255', '203.0.112.255', '203.0.114.0'],
  ['224.0.0.0/4', '224.0.0.0', '239.255.255.255', '223.255.255.255'],
  ['240.0.0.0/4', '240.0.0.0', '255.255.255.255'],
  ['below 2000::/3', '::', '1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '2003::'],
  ['above 2000::/3', '4000::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '3ffe:ffff::1'],
  ['2001::/23', '2001::', '2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff', '2000:ffff::1', '2001:200::'],
  ['2001:db8::/32', '2001:db8::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff', '2001:db7:ffff::1', '2001:db9::'],
  ['2002::/16 (6to4)', '2002::', '2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '2001:ffff::1', '2003::'],
  ['3fff::/20', '3fff::', '3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff', '3ffe:ffff::1', '3fff:1000::'],
  ['::1', '::1', '::1'],
  ['IPv4-compatible', '::8.8.8.8', '::7f00:1'],
  ['IPv4-mapped', '::ffff:8.8.8.8', '::ffff:7f00:1'],
  ['IPv4-translated', '::ffff:0:127.0.0.1', '::ffff:0:8.8.8.8'],
  ['NAT64', '64:ff9b::127.0.0.1', '64:ff9b::8.8.8.8'],
  ['NAT64 of one network', '64:ff9b:1::', '64:ff9b:1:ffff:ffff:ffff:ffff:ffff'],
  ['6to4 and Teredo of loopback', '2002:7f00:1::', '2001:0:4136:e378:8000:63bf:80ff:fffe'],
  ['discard', '100::', '100::ffff:ffff:ffff:ffff'],
  ['fc00::/7', 'fc00::', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['fe80::/10', 'fe80::', 'febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['fec0::/10', 'fec0::', 'feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['ff00::/8', 'ff00::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ["a cloud's metadata at a public address", '168.63.129.16', '168.63.129.16', '168.63.129.15', '168.63.129.17'],
]

describe('of what is not globally routable', () => {
  test.each(refused)('%s is refused from its first address to its last, and what is beside it is not', (...row) => {
    const [, first, last, ...neighbours] = row
    expect([first, last].filter((address) => mayConnect(address, PUBLIC_ONLY))).toEqual([])
    expect(neighbours.filter((address) => !mayConnect(address, PUBLIC_ONLY))).toEqual([])
  })
})

test.each(['8.8.8.8', '1.1.1.1', '2606:4700:4700::1111', '2a00:1450:4001:80e::200e', '2620:fe::fe'])(
  '%s may be connected to by everyone',
  (address) => {
    for (const rule of [PUBLIC_ONLY, PRIVATE, LOOPBACK, ALL]) expect(mayConnect(address, rule)).toBeTrue()
  },
)

test.each(['10.1.2.3', '172.16.0.1', '192.168.1.7', '100.64.0.1', 'fd12:3456::1', 'fc00::1'])(
  '%s may be connected to only where private addresses may',
  (address) => {
    expect([PUBLIC_ONLY, LOOPBACK, PRIVATE, ALL].map((rule) => mayConnect(address, rule))).toEqual([
      false,
      false,
      true,
      true,
    ])
  },
)

test.each(['127.0.0.1', '127.255.255.254', '::1'])('%s is loopback, which private does not mean', (address) => {
  expect([PUBLIC_ONLY, PRIVATE, LOOPBACK, ALL].map((rule) => mayConnect(address, rule))).toEqual([
    false,
    false,
    true,
    true,
  ])
})

test.each([
  ...['169.254.169.254', '169.254.0.0', '169.254.255.255', 'fe80::1', 'febf:ffff::1'],
  ...['224.0.0.1', '239.255.255.255', '255.255.255.255', 'ff02::1', '0.0.0.0', '0.0.0.1', '::'],
  ...['168.63.129.16', '192.0.0.192', '100.100.100.200', 'fd00:ec2::254', 'fd00:0ec2:0:0::254', 'fd20:ce::254'],
  ...['::ffff:127.0.0.1', '::ffff:10.0.0.1', '::ffff:169.254.169.254', '64:ff9b::a9fe:a9fe', '2002:a9fe:a9fe::'],
])('%s is never connected to, whatever the operator permits', (address) => {
  expect(mayConnect(address, ALL)).toBeFalse()
})

test.each([
  ...['', ' ', '127.1', '0x7f.0.0.1', '0177.0.0.1', '010.0.0.1', '2130706433', '8.8.8.8.', ' 8.8.8.8', '8.8.8.8:80'],
  ...['[2606:4700::1]', '2606:4700::1%eth0', 'fe80::1%1', '2606:4700::1/64', 'localhost', '::ffff:1', '1.2.3'],
  ...['8.8.8.8\0', '８.8.8.8', '2606:4700::g', '1:2:3:4:5:6:7:8:9'],
])('%j is no public address and is refused', (text) => {
  expect(mayConnect(text, PUBLIC_ONLY)).toBeFalse()
})
