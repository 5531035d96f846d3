import { isIP } from 'node:net'
import { mayConnect } from '../../src/webhooks/outbound/address-rule.ts'
import { callbackUrl } from '../../src/webhooks/outbound/callback-url.ts'
import { PUBLIC_ONLY } from '../../src/webhooks/outbound/outcome.ts'
import { retryAfter } from '../../src/webhooks/outbound/retry-after.ts'
import { webhookSecret } from '../../src/webhooks/secret/webhook-secret.ts'
import type { Parser } from './parser.ts'

const NOW = 1_800_000_000_000
const LOOPBACK = { loopback: true, private: false }
const BRACKETS = /^\[|\]$/g

const URLS = [
  'https://hooks.example.net/mcp/cb1?a=b',
  'https://user:password@hooks.example.net:8443/a#b',
  'http://127.0.0.1:3000/cb',
  'https://[::ffff:127.0.0.1]:443/',
  'https://2130706433/',
  'https://0x7f.1/',
  'https://localhost./',
  'https://xn--bcher-kva.example/%C3%A9',
]
const ADDRESSES = [
  ...['8.8.8.8', '127.0.0.1', '169.254.169.254', '10.0.0.1', '0177.0.0.1'],
  ...['2606:4700:4700::1111', '::1', '::ffff:10.0.0.1', '64:ff9b::7f00:1', 'fe80::1%eth0', '2002:7f00:1::'],
]

function isPublicCallback(url: URL): boolean {
  const host = url.hostname.replace(BRACKETS, '')
  const plain = url.username === '' && url.password === '' && url.hash === '' && url.port !== '0'
  return url.protocol === 'https:' && plain && isIP(host) === 0 && host.includes('.') && !host.endsWith('.')
}

function isLoopback(url: URL): boolean {
  return /^(?:(?:.+\.)?localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname)
}

/** Of what strangers name as callbacks, and of what their servers answer. */
export const webhookParsers: readonly Parser[] = [
  {
    name: 'callback URL',
    samples: URLS.map((text) => [text]),
    read: (text) => callbackUrl(text, PUBLIC_ONLY, '/delivery/url'),
    holds: (url) => isPublicCallback(url as URL),
  },
  {
    name: 'callback URL, loopback permitted',
    samples: URLS.map((text) => [text]),
    read: (text) => callbackUrl(text, LOOPBACK, '/delivery/url'),
    holds: (url) => isLoopback(url as URL) || isPublicCallback(url as URL),
  },
  {
    name: 'address to connect to',
    samples: ADDRESSES.map((text) => [text]),
    read: (text) => ({ text, may: mayConnect(text, PUBLIC_ONLY) }),
    holds: (result) => {
      const { text, may } = result as { text: string; may: boolean }
      return !may || (isIP(text) !== 0 && !/^(?:0|10|127|169\.254|192\.168|22[4-9]|2[345]\d)\.|^[^23]\w*:|%/.test(text))
    },
  },
  {
    name: 'webhook secret',
    samples: [[`whsec_${'A'.repeat(32)}`], [`whsec_${'/+8='.slice(0, 3).repeat(14)}A=`], [`whsec_${'B'.repeat(86)}==`]],
    read: (text) => webhookSecret(text, '/delivery/secret'),
    holds: (key) => (key as Uint8Array).length >= 24 && (key as Uint8Array).length <= 64,
  },
  {
    name: 'Retry-After',
    samples: [['120'], ['Sun, 22 Nov 2026 12:00:30 GMT'], ['-5']],
    read: (text) => retryAfter(text, NOW),
    holds: (ms) => ms === undefined || (Number.isInteger(ms) && (ms as number) >= 0 && (ms as number) <= 3_600_000),
  },
]
