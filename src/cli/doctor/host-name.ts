import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { type Finding, fail } from './probe.ts'
import { codeOf } from './way.ts'

/** The host of a URL, as sockets take it. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1')
}

/** That the name of a URL has no address; `undefined` if it has one, or is one. */
export async function unnamed(url: URL): Promise<Finding | undefined> {
  const host = hostOf(url)
  if (isIP(host)) return undefined
  try {
    await lookup(host)
    return undefined
  } catch (error) {
    const code = codeOf(error) ?? 'no answer'
    if (code === 'ENOTFOUND') return fail(`No such name: ${host}.`, { general: 'Check the name, and its DNS entry.' })
    return fail(`The name ${host} could not be looked up (${code}).`, {
      general: 'Check that this machine reaches a DNS server.',
    })
  }
}
