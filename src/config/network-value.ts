import ipaddr from 'ipaddr.js'
import * as z from 'zod'
import { isAddress, isHostName } from './host.ts'
import { type About, list, sentence } from './value.ts'

/** Addresses or names to listen on, without brackets. */
export function hosts() {
  const allowed = 'a list of addresses or host names such as 127.0.0.1, ::1 or 0.0.0.0'
  return list(allowed, (text) => {
    const host = text.replace(/^\[(.*)\]$/, '$1')
    if (isAddress(host) || isHostName(host)) return { value: host }
    return { reason: /:\d+$/.test(text) ? 'The port has a key of its own: PORT.' : '' }
  }).meta({ allowed, placeholder: '<addresses>' } satisfies About)
}

/** Origins as a browser sends them, or `*` alone. */
export function origins() {
  const allowed = 'a list of origins such as https://app.example, or * alone'
  return list(allowed, (text) => {
    if (text === '*') return { value: text }
    const origin = URL.canParse(text) ? new URL(text).origin : 'null'
    if (origin === text && origin !== 'null') return { value: text }
    return { reason: origin === 'null' ? '' : `Did you mean ${origin}?` }
  })
    .refine((all) => all.length === 1 || !all.includes('*'), { error: sentence(allowed) })
    .meta({ allowed, placeholder: '<origins>' } satisfies About)
}

/** Where clients find the hub: scheme, name and port, without a path. */
export function publicUrl() {
  const allowed = 'an http or https address without a path, such as https://events.example'
  return z
    .string({ error: sentence(allowed) })
    .transform((text, context): string => {
      const url = URL.parse(text)
      const web = url !== null && /^https?:$/.test(url.protocol) && url.host !== ''
      if (web && (text === url.origin || text === `${url.origin}/`)) return url.origin
      const reason = web ? `Did you mean ${url.origin}?` : ''
      context.addIssue({ code: 'custom', message: sentence(allowed, reason) })
      return z.NEVER
    })
    .meta({ allowed, placeholder: '<url>' } satisfies About)
}

/** `Host` headers: a name or address, with or without a port. */
export function hostHeaders() {
  const allowed = 'a list of host names such as events.example or events.example:8080, without http://'
  return list(allowed, (text) => {
    const url = text.includes('/') || text.includes('@') ? null : URL.parse(`http://${text}`)
    // A default port is dropped by the parser and means the same as none only to browsers, so the text itself counts.
    if (url?.host && url.pathname === '/' && url.search === '' && url.hash === '' && !text.includes('*')) {
      const header = text.toLowerCase()
      // Otherwise no browser sends it: it would never match.
      if (url.host === header || `${url.host}:80` === header) return { value: header }
      return { reason: `Did you mean ${url.host}?` }
    }
    const meant = URL.parse(text)?.host
    return { reason: text.includes('//') && meant ? `Did you mean ${meant}?` : '' }
  }).meta({ allowed, placeholder: '<hosts>' } satisfies About)
}

/** Ranges of addresses; one address is a range of its own. */
export function ranges() {
  const allowed = 'a list of addresses or ranges such as 10.0.0.0/8, 192.168.1.7 or fd00::/8'
  return list(allowed, (text) => (isAddress(text) || ipaddr.isValidCIDR(text) ? { value: text } : { reason: '' }), {
    least: 0,
  }).meta({ allowed, placeholder: '<ranges>' } satisfies About)
}
