import { expect, test } from 'bun:test'
import { rootCertificates } from 'node:tls'
import { isOfPublicAuthority } from '../../src/config/public-authority.ts'
import { certificates } from '../support/certificates.ts'

test('a certificate is of a public authority if its chain ends in one or is one, and of none if a person made it', () => {
  using authority = certificates()
  const { cert } = authority.issue('hub.example')
  expect(isOfPublicAuthority(cert)).toBe(false)
  expect(isOfPublicAuthority(cert + authority.ca)).toBe(false)
  expect(isOfPublicAuthority(rootCertificates[0]!)).toBe(true)
  expect(isOfPublicAuthority(cert + rootCertificates.at(-1)!)).toBe(true)
})
