import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { HubError } from '../core/errors.ts'
import type { TlsFiles } from './config.ts'
import { readRegularFile } from './regular-file.ts'

const CERTIFICATE = /-----BEGIN (?:TRUSTED )?CERTIFICATE-----[^-]+-----END (?:TRUSTED )?CERTIFICATE-----/g
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/
/** PKCS #8 names it in the first line, the older form of OpenSSL in the second. */
const ENCRYPTED = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m
/** A chain with its root has a few KiB. */
const MOST_BYTES = 1024 * 1024
/**
 * BoringSSL shows shorter ones and the clients refuse them (measured): with 512 bits no handshake ends, with 768 and 1024
 * curl says that the key is too weak. Of 2047, as some programs make them, nobody minds.
 */
const LEAST_RSA_BITS = 2040

/** A certificate and its key that belong together and that the runtime takes. */
export interface Certificate {
  /** PEM, the chain as the file has it. */
  cert: string
  /** PEM. Never shown. */
  key: string
  /** Milliseconds since 1970. */
  begins: number
  /** Milliseconds since 1970. */
  expires: number
  /** The host by which a person reaches what shows it: `localhost` if it is for that, else its first name or address. */
  host: string
}

/**
 * @param from names where a key of the configuration got its value
 * @throws HubError `invalid-config`: a file that cannot be read, is none or is the wrong one, and two that do not belong
 * together. A certificate that has expired is one.
 */
export function readCertificate(files: TlsFiles, from: (key: string) => string): Certificate {
  const named = (key: keyof TlsFiles) => {
    const name = `${from(`tls.${key}`)}: tls.${key}`
    // Where a path belongs there may be the key itself.
    if (files[key].includes('-----BEGIN')) throw refusal(`${name} is the text of a file. Store it, and set the path.`)
    return `${name} = ${files[key]}`
  }
  const cert = readPem(files.cert, named('cert'))
  const key = readPem(files.key, named('key'))
  const chain = certificatesOf(cert, named('cert'))
  const secret = keyOf(key, named('key'))
  const bits = secret.asymmetricKeyDetails?.modulusLength
  if (bits !== undefined && bits < LEAST_RSA_BITS) {
    throw refusal(
      `${named('key')} is an RSA key of ${bits} bits, which clients refuse as too short. Use one of ECDSA P-256 or RSA 2048.`,
    )
  }
  const own = chain.findIndex((certificate) => certificate.checkPrivateKey(secret))
  if (own > 0) throw refusal(`${named('cert')} has the certificates in the wrong order: the hub's own comes first.`)
  if (own < 0) {
    throw refusal(
      `${named('key')} is not the key of ${files.cert}. Name two files that were made together, such as fullchain.pem and privkey.pem of one certificate.`,
    )
  }
  const [leaf] = chain
  try {
    createSecureContext({ cert, key })
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error)
    throw refusal(
      `${named('cert')} cannot be used (${words}). Have it made again: openssl x509 -text -in ${files.cert}`,
    )
  }
  return {
    cert,
    key,
    begins: leaf!.validFromDate.getTime(),
    expires: leaf!.validToDate.getTime(),
    host: hostOf(leaf!),
  }
}

function readPem(path: string, named: string): string {
  let bytes: ReturnType<typeof readRegularFile>
  try {
    bytes = readRegularFile(path, MOST_BYTES)
  } catch (error) {
    throw refusal(`${named} ${whyUnreadable(error)}`)
  }
  if (bytes === 'irregular') throw refusal(`${named} is a directory, a pipe or a device. Name a PEM file.`)
  if (bytes === 'too large') throw refusal(`${named} is larger than 1 MiB, which no PEM file is. Name another one.`)
  return bytes.toString('latin1')
}

function whyUnreadable(error: unknown): string {
  switch (error instanceof Error && 'code' in error ? error.code : undefined) {
    case 'ENOENT':
      return 'is not there. Name a PEM file that is.'
    case 'EACCES':
    case 'EPERM':
      return `cannot be read by the user this runs as. Make it readable: chgrp, and chmod 640.`
    default:
      return `cannot be read: ${error instanceof Error ? error.message : String(error)}. Name a PEM file.`
  }
}

function certificatesOf(pem: string, named: string): X509Certificate[] {
  const blocks = pem.match(CERTIFICATE) ?? []
  if (blocks.length === 0) {
    const what = PRIVATE_KEY.test(pem)
      ? 'is a key, not a certificate'
      : 'has no certificate in PEM (-----BEGIN CERTIFICATE-----)'
    throw refusal(`${named} ${what}. Name the file with the certificate and those that lead to its authority.`)
  }
  return blocks.map((block) => {
    try {
      return new X509Certificate(block)
    } catch (error) {
      throw refusal(`${named} has a certificate that is damaged. Get the file again.`, error)
    }
  })
}

function keyOf(pem: string, named: string): KeyObject {
  if (ENCRYPTED.test(pem)) {
    throw refusal(
      `${named} is encrypted, and a start asks nobody for its password. Store it as it is: openssl pkey -in <it> -out <new file>`,
    )
  }
  if (!PRIVATE_KEY.test(pem))
    throw refusal(`${named} has no key in PEM (-----BEGIN PRIVATE KEY-----). Name the file with the key.`)
  try {
    return createPrivateKey(pem)
  } catch (error) {
    throw refusal(
      `${named} is damaged, or of a kind that is not known here. Use a key of ECDSA P-256 or RSA 2048.`,
      error,
    )
  }
}

function hostOf(leaf: X509Certificate): string {
  if (leaf.checkHost('localhost') !== undefined) return 'localhost'
  const names = [...(leaf.subjectAltName ?? '').matchAll(/(DNS|IP Address):([^,\s"]+)/g)]
  for (const [, kind, name] of names) {
    if (kind === 'DNS' && !name!.includes('*')) return name!
    if (kind !== 'DNS') return name!.includes(':') ? `[${name}]` : name!
  }
  return 'localhost'
}

/** The words of a parser may quote what it read, which is a key: they stay in the cause. */
function refusal(message: string, cause?: unknown): HubError {
  return new HubError('invalid-config', message, { cause })
}
