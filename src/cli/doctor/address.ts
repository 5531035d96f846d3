import { isLocalUrlHost } from '../../config/host.ts'
import { withoutUrlSecrets } from '../../config/setting.ts'
import { DEFAULT_URL, hubUrl } from '../client/hub-url.ts'
import { usageFailure } from '../failure.ts'

const again = (url: string) => `mcp-sse doctor ${url}`

/**
 * The hub to look at: what was typed, else `MCP_SSE_URL`, else the usual one. A query is no part of it and is not left
 * out in silence: clients would send it.
 * @throws CommandFailure, with the command line that was meant
 */
export function examinedUrl(typed: string | undefined, variable: string | undefined): string {
  const named = typed !== undefined || !variable ? 'The URL' : 'MCP_SSE_URL'
  const text = typed ?? (variable || DEFAULT_URL)
  if (text.trim() === '') throw usageFailure(`${named} is empty.`, again(DEFAULT_URL))
  const scheme = withScheme(text)
  if (scheme !== undefined) throw usageFailure(`${named} has no http:// or https://: ${text}`, again(scheme))
  const url = hubUrl([named, text], again)
  if (/[?#]/.test(text)) {
    throw usageFailure(
      `${named} has a query or a fragment: ${withoutUrlSecrets(text)}`,
      again(url.href.replace(/\/$/, '')),
    )
  }
  return url.href
}

/** `localhost:3000` and `events.example/x` as they were meant. */
function withScheme(text: string): string | undefined {
  if (!/^(?:\[[\da-f:.]+\]|[\w.-]+)(?::\d{1,5})?(?:\/[\w./-]*)?$/i.test(text)) return undefined
  const url = URL.parse(`http://${text}`)
  if (!url) return undefined
  return `${isLocalUrlHost(url.hostname) ? 'http' : 'https'}://${text}`
}
