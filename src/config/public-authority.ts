import { X509Certificate } from 'node:crypto'
import { rootCertificates } from 'node:tls'

const PEM = /-----BEGIN (?:TRUSTED )?CERTIFICATE-----[^-]+-----END (?:TRUSTED )?CERTIFICATE-----/g

/**
 * Whether the chain leads to an authority that Mozilla trusts, by its name: what a client finds that was told of no other.
 * It proves nothing. 9 ms and 4 MiB for reading the authorities (Bun 1.4.5): not for a start without TLS.
 * @param pem the hub's own certificate and those that lead to its authority
 */
export function isOfPublicAuthority(pem: string): boolean {
  const chain = (pem.match(PEM) ?? []).map((block) => new X509Certificate(block))
  // Also its subject: a chain may end in the authority itself, or in one that is signed by an older one as well.
  const names = new Set(chain.flatMap(({ subject, issuer }) => [subject, issuer]))
  return rootCertificates.some((root) => names.has(new X509Certificate(root).subject))
}
