import { withoutUrlSecrets } from '../../config/setting.ts'
import { usageFailure } from '../failure.ts'

/** Where a hub listens that was told nothing. */
export const DEFAULT_URL = 'http://127.0.0.1:3000'

/** What MCP clients are given in place of the hub's own address: easily given to this one too. */
const MCP_ADDRESS = /\/(?:mcp|sse)$/

/**
 * The hub's own address, as `text` of `setting` names it: without a query and a slash at the end, with the path of a proxy
 * in front of it, if any. The addresses of its MCP are taken for it.
 * @param again what to type with another one
 * @throws CommandFailure for what is none, and for the address of its events: whatever is posted below that is published
 */
export function hubUrl(
  [setting, text]: readonly [setting: string, text: string],
  again: (url: string) => string = (url) => `mcp-sse topics --url ${url}`,
): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw usageFailure(`${setting} is not an http or https URL: ${withoutUrlSecrets(text)}`, again(DEFAULT_URL))
  }
  if (url.username || url.password) {
    throw usageFailure(
      `${setting} has a user or password, which a hub knows nothing of; the key goes to MCP_SSE_KEY.`,
      `MCP_SSE_KEY=<key> ${again(url.origin)}`,
    )
  }
  url.search = ''
  url.hash = ''
  const path = url.pathname.replace(/\/+$/, '').replace(MCP_ADDRESS, '').replace(/\/+$/, '')
  const segments = path.split('/')
  const events = segments.indexOf('events')
  if (events >= 0) {
    throw usageFailure(
      `${setting} is the address of a hub's events, not of the hub: ${url.origin}${path}`,
      again(`${url.origin}${segments.slice(0, events).join('/')}`),
    )
  }
  url.pathname = path
  return url
}
