import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { HubCertificate } from '../../../src/cli/serve/hub-certificate.ts'
import { loadConfig } from '../../../src/config/load.ts'
import type { LogLines } from '../../../src/daemon/log-lines.ts'
import type { TlsPair } from '../../../src/http/listen.ts'
import { type Certificate, type Certificates, certificates } from '../../support/certificates.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { settled } from '../../support/settled.ts'
import { tempDir } from '../../support/temp-dir.ts'

const DAY = 86_400_000
let dir: ReturnType<typeof tempDir>
let authority: Certificates
let lines: string[]
let clock: ManualClock
beforeAll(() => {
  dir = tempDir()
  authority = certificates()
})
afterAll(() => {
  authority[Symbol.dispose]()
  dir[Symbol.dispose]()
})
beforeEach(() => {
  lines = []
  // What openssl makes after this begins to count before it, however slow that is.
  clock = new ManualClock(Date.now() + 3_600_000)
})

const log = Object.fromEntries(
  ['debug', 'info', 'warn', 'error'].map((level) => [level, (line: string) => void lines.push(`${level}: ${line}`)]),
) as unknown as LogLines

function load(pair?: Certificate) {
  if (!pair) return loadConfig({ mode: 'source', cwd: dir.path, env: { HOME: dir.path }, descriptors: 1000 })
  writeFileSync(join(dir.path, 'cert.pem'), pair.cert)
  writeFileSync(join(dir.path, 'key.pem'), pair.key, { mode: 0o600 })
  const env = { HOME: dir.path, MCP_SSE_TLS_CERT: 'cert.pem', MCP_SSE_TLS_KEY: 'key.pem' }
  return loadConfig({ mode: 'source', cwd: dir.path, env, descriptors: 1000 })
}

const open = (pair?: Certificate) => HubCertificate.of(load(pair), { env: {}, clock, lines: log })

class Shown {
  readonly pairs: TlsPair[] = []
  async renew(pair: TlsPair): Promise<boolean> {
    this.pairs.push(pair)
    return true
  }
}

test('the end of a certificate is said from 14 days before, once a day, louder when it has come', async () => {
  const certificate = await open(authority.issue('hub.example', 16))
  expect(lines).toEqual([])
  clock.pass(1.5 * DAY)
  expect(lines).toEqual([])
  clock.pass(DAY)
  expect(lines).toHaveLength(1)
  expect(lines[0]).toMatch(/^warn: the certificate in .*cert\.pem ends in 13 days \(\d{4}-\d\d-\d\d\)\. Put a new one/)
  clock.pass(DAY)
  expect(lines).toHaveLength(2)
  clock.pass(13 * DAY)
  expect(lines.at(-1)).toMatch(/^error: the certificate in .* has expired \(/)
  certificate.close()
  clock.pass(10 * DAY)
  expect(lines).toHaveLength(3)
})

test('a certificate that has expired, or does not count yet, is shown and said loudly', async () => {
  const { shown } = await open(authority.issue('hub.example', -1))
  expect(shown).toBeDefined()
  expect(lines.join('\n')).toMatch(/^error: .* has expired/)
  lines = []
  clock.set(Date.now() - 5 * DAY)
  await open(authority.issue('hub.example', 30))
  expect(lines.join('\n')).toMatch(/^error: .* begins to count on .* Is the clock of this machine right\?$/)
})

test('a reload that finds the same files shows nothing anew; one that finds others does, and says until when', async () => {
  const [first, second] = [authority.issue('hub.example', 30), authority.issue('hub.example', 60)]
  const certificate = await open(first)
  const shown = new Shown()
  expect(await (await certificate.next(load(first)))(shown)).toBeUndefined()
  expect([shown.pairs.length, lines]).toEqual([0, []])
  expect(await (await certificate.next(load(second)))(shown)).toMatch(
    /^the certificate in .*cert\.pem, which ends \d{4}-\d\d-\d\d$/,
  )
  expect(shown.pairs.map(({ cert, key }) => [cert, key])).toEqual([[second.cert, second.key]])
  expect([certificate.shown?.cert, lines]).toEqual([second.cert, []])
})

test('a new certificate that comes while the hub stops is neither shown nor said', async () => {
  const [first, second] = [authority.issue('hub.example', 30), authority.issue('hub.example', 60)]
  const certificate = await open(first)
  expect(await (await certificate.next(load(second)))({ renew: async () => false })).toBeUndefined()
  expect([certificate.shown?.cert, lines]).toEqual([first.cert, []])
})

test('what a reload refuses changes nothing: a pair that does not match, an expired one, TLS turned on or off', async () => {
  const [first, second] = [authority.issue('hub.example', 30), authority.issue('hub.example', 60)]
  const certificate = await open(first)
  expect(await settled(certificate.next(load({ cert: second.cert, key: first.key })))).toThrow('is not the key of')
  expect(await settled(certificate.next(load(authority.issue('hub.example', -1))))).toThrow('has expired (')
  expect(await settled(certificate.next(load()))).toThrow('TLS is turned on and off only by a start')
  const plain = await open()
  expect(await settled(plain.next(load(first)))).toThrow('TLS is turned on and off only by a start')
  expect(certificate.shown?.cert).toBe(first.cert)
})

test('a certificate that has expired is no obstacle to reloading something else', async () => {
  const old = authority.issue('hub.example', -1)
  const certificate = await open(old)
  const shown = new Shown()
  await (await certificate.next(load(old)))(shown)
  expect(shown.pairs).toEqual([])
})

test('a new certificate that cannot be shown is said, and the one before stays the one that counts', async () => {
  const [first, second] = [authority.issue('hub.example', 30), authority.issue('hub.example', 60)]
  const certificate = await open(first)
  const renew = async () => {
    throw new Error('no descriptors left')
  }
  await (await certificate.next(load(second)))({ renew })
  expect(certificate.shown?.cert).toBe(first.cert)
  expect(lines).toEqual([
    'error: the new certificate is not shown before the hub is started again: no descriptors left',
  ])
})

test.skipIf(process.platform === 'win32')('a key that every user can read is said', async () => {
  const loaded = load(authority.issue('hub.example', 30))
  chmodSync(join(dir.path, 'key.pem'), 0o644)
  await HubCertificate.of(loaded, { env: {}, clock, lines: log })
  expect(lines.join('\n')).toMatch(
    /^warn: .*key\.pem holds the key of the certificate and every user of this machine can read it/,
  )
})
