import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempDir } from './temp-dir.ts'

export interface Certificate {
  key: string
  cert: string
}

/** An authority of this test run and what it has signed, PEM; made by openssl. */
export interface Certificates {
  ca: string
  /** For `name` (a DNS name, or `IP:127.0.0.1`), valid for so many days from now; negative: it has expired. */
  issue(name: string, days?: number): Certificate
  [Symbol.dispose](): void
}

const CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

export function certificates(): Certificates {
  const directory = tempDir()
  const at = (file: string) => join(directory.path, file)
  const read = (file: string) => readFileSync(at(file), 'utf8')
  const openssl = (...args: string[]): void => {
    const { exitCode, stderr } = Bun.spawnSync(['openssl', ...args], { cwd: directory.path })
    if (exitCode !== 0) throw new Error(`openssl ${args[0]}: ${stderr.toString()}`)
  }
  const ca = ['-subj', '/CN=Test authority', '-days', '2', '-addext', 'basicConstraints=critical,CA:TRUE']
  openssl('req', '-x509', ...CURVE, '-keyout', 'ca.key', '-out', 'ca.pem', ...ca)
  let serial = 0
  return {
    ca: read('ca.pem'),
    issue(name, days = 2) {
      const file = `leaf-${++serial}`
      writeFileSync(at(`${file}.ext`), `subjectAltName=${name.startsWith('IP:') ? name : `DNS:${name}`}\n`)
      openssl('req', ...CURVE, '-keyout', `${file}.key`, '-out', `${file}.csr`, '-subj', `/CN=${name.slice(0, 60)}`)
      const signer = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-set_serial', `${serial}`, '-days', `${days}`]
      openssl('x509', '-req', '-in', `${file}.csr`, ...signer, '-extfile', `${file}.ext`, '-out', `${file}.pem`)
      return { key: read(`${file}.key`), cert: read(`${file}.pem`) }
    },
    [Symbol.dispose]: () => directory[Symbol.dispose](),
  }
}
