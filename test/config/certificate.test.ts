import { afterAll, beforeAll, expect, test } from 'bun:test'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readCertificate } from '../../src/config/certificate.ts'
import { loadConfig } from '../../src/config/load.ts'
import { HubError } from '../../src/core/errors.ts'
import { type Certificate, type Certificates, certificates } from '../support/certificates.ts'
import { tempDir } from '../support/temp-dir.ts'

let dir: ReturnType<typeof tempDir>
let authority: Certificates
let own: Certificate
let other: Certificate
beforeAll(() => {
  dir = tempDir()
  authority = certificates()
  own = authority.issue('hub.example')
  other = authority.issue('other.example')
})
afterAll(() => {
  authority[Symbol.dispose]()
  dir[Symbol.dispose]()
})

const at = (name: string) => join(dir.path, name)

/** Where the text is, as a file of its own. */
function file(name: string, text: string): string {
  writeFileSync(at(name), text)
  return at(name)
}

function read(cert: string, key: string) {
  return readCertificate({ cert, key }, (name) => `mcp-sse.toml:${name === 'tls.cert' ? 2 : 3}`)
}

function refusal(cert: string, key: string): string {
  try {
    read(cert, key)
  } catch (error) {
    if (error instanceof HubError && error.code === 'invalid-config') return error.message.replaceAll(dir.path, '')
    throw error
  }
  throw new Error('It was taken.')
}

test('a pair says when it ends and for whom it is; a chain may follow, and other text be in between', () => {
  const chain = file('chain.pem', `The hub:\n${own.cert}\nIts authority:\n${authority.ca}`)
  const found = read(chain, file('own.key', own.key))
  expect(found.host).toBe('hub.example')
  expect(found.expires - found.begins).toBe(2 * 86_400_000)
  expect(Math.abs(found.begins - Date.now())).toBeLessThan(60_000)
})

test.each([
  ['localhost', 'localhost'],
  ['*.example', 'localhost'],
  ['IP:127.0.0.1', '127.0.0.1'],
  ['IP:::1', '[0:0:0:0:0:0:0:1]'],
])('the host of a certificate for %s is %s', (name, host) => {
  const { cert, key } = authority.issue(name)
  expect(read(file('named.pem', cert), file('named.key', key)).host).toBe(host)
})

test('one that has expired is one', () => {
  const { cert, key } = authority.issue('old.example', -1)
  expect(read(file('old.pem', cert), file('old.key', key)).expires).toBeLessThan(Date.now())
})

test('files that are not what they should be are refused with the file and what to do', () => {
  const cert = file('own.pem', own.cert)
  const key = file('own.key', own.key)
  const line = 'mcp-sse.toml:3: tls.key = '
  expect(refusal(at('none.pem'), key)).toBe(
    'mcp-sse.toml:2: tls.cert = /none.pem is not there. Name a PEM file that is.',
  )
  expect(refusal(dir.path, key)).toContain('is a directory, a pipe or a device. Name a PEM file.')
  expect(refusal(key, key)).toContain('/own.key is a key, not a certificate. Name the file with the certificate')
  expect(refusal(file('empty.pem', ''), key)).toContain('/empty.pem has no certificate in PEM')
  expect(refusal(file('cut.pem', own.cert.replace(/(.{64}\n){2}/, '')), key)).toContain(
    'has a certificate that is damaged',
  )
  expect(refusal(cert, cert)).toContain(`${line}/own.pem has no key in PEM`)
  expect(refusal(cert, file('cut.key', own.key.replace(/[A-Za-z0-9+/]{20}/, '')))).toContain(
    `${line}/cut.key is damaged`,
  )
  expect(refusal(cert, file('other.key', other.key))).toContain(`${line}/other.key is not the key of /own.pem.`)
  expect(refusal(file('turned.pem', `${authority.ca}\n${own.cert}`), key)).toContain(
    "/turned.pem has the certificates in the wrong order: the hub's own comes first.",
  )
  expect(refusal(file('large.pem', own.cert.padEnd(1024 * 1024 + 1)), key)).toContain('is larger than 1 MiB')
})

test.skipIf(process.platform === 'win32')(
  'a pipe that nobody writes to, and a device without an end, are not read',
  () => {
    Bun.spawnSync(['mkfifo', at('pipe')])
    for (const path of [at('pipe'), '/dev/zero']) {
      expect(refusal(path, file('own.key', own.key))).toContain('is a directory, a pipe or a device. Name a PEM file.')
      expect(refusal(file('own.pem', own.cert), path)).toContain('is a directory, a pipe or a device. Name a PEM file.')
    }
  },
)

test.each([
  [512, 'refused'],
  [1024, 'refused'],
  [2048, 'taken'],
] as const)('an RSA key of %d bits is %s', (bits, what) => {
  const made = ['-newkey', `rsa:${bits}`, '-nodes', '-keyout', at('rsa.key'), '-out', at('rsa.pem'), '-subj', '/CN=hub']
  expect(Bun.spawnSync(['openssl', 'req', '-x509', ...made]).exitCode).toBe(0)
  if (what === 'taken') expect(read(at('rsa.pem'), at('rsa.key')).host).toBe('localhost')
  else expect(refusal(at('rsa.pem'), at('rsa.key'))).toContain(`is an RSA key of ${bits} bits, which clients refuse`)
})

test('a key that is encrypted is refused, in the new form and the old one', () => {
  for (const [name, args] of [
    ['pkcs8', ['pkey', '-aes256']],
    ['old', ['ec', '-aes256']],
  ] as const) {
    const encrypted = Bun.spawnSync(['openssl', ...args, '-passout', 'pass:abcd'], { stdin: Buffer.from(own.key) })
    const key = file(`${name}.key`, encrypted.stdout.toString())
    expect(refusal(file('own.pem', own.cert), key)).toContain('is encrypted, and a start asks nobody for its password')
  }
})

test('a key where its path belongs is not repeated', () => {
  const said = refusal(file('own.pem', own.cert), own.key)
  expect(said).toBe('mcp-sse.toml:3: tls.key is the text of a file. Store it, and set the path.')
})

test.skipIf(process.getuid?.() === 0)('a file that may not be read is refused with who has to be able to', () => {
  const key = file('closed.key', own.key)
  chmodSync(key, 0)
  expect(refusal(file('own.pem', own.cert), key)).toContain('cannot be read by the user this runs as')
})

test.each([
  ['CERT', 'KEY'],
  ['KEY', 'CERT'],
])('MCP_SSE_TLS_%s alone stops the start and names the other one', (given, missing) => {
  const env = { HOME: dir.path, [`MCP_SSE_TLS_${given}`]: 'a.pem' }
  const load = () => loadConfig({ mode: 'source', cwd: dir.path, env, descriptors: 1000 })
  expect(load).toThrow(
    `MCP_SSE_TLS_${given}: tls.${given.toLowerCase()} without tls.${missing.toLowerCase()} is no TLS. Set MCP_SSE_TLS_${missing}`,
  )
})
