import { plain } from './display.ts'
import { DONE } from './exit.ts'
import { CommandFailure } from './failure.ts'
import { HubClient } from './hub-client.ts'
import { DEFAULT_URL, hubUrl } from './hub-url.ts'
import type { Io } from './io.ts'
import type { Configure } from './verb.ts'

/** Under the 30 s that container platforms give a check by default. */
const PATIENCE_MS = 5_000
/** More than `/readyz` ever says. */
const MOST_SHOWN = 200

const HELP = `
Exit code 0: it takes events and streams. 1: it does not, which goes to stderr. No key is sent. Without --url and
MCP_SSE_URL the hub is looked for on this machine, on PORT: what a container asks of itself.
`

export const configureHealth: Configure = (command, io, finish) => {
  command
    .option('--url <url>', `where the hub is (MCP_SSE_URL; default: ${DEFAULT_URL}, or on PORT)`)
    .option('--json', 'print the answer as JSON')
    .addHelpText('after', HELP)
  command.action(async ({ url, json }: { url?: string; json?: true }) => {
    const hub = new HubClient('health', hubUrl(whereIs(url, io.env)).href.replace(/\/$/, ''), undefined)
    const { response, text } = await answerOf(hub)
    const state = stateIn(text)
    if (state === undefined) {
      const shown = plain(text.slice(0, MOST_SHOWN).trim())
      throw new CommandFailure(
        `${hub.url}/readyz answered ${response.status}, which is not the answer of a hub: ${shown}`,
        `mcp-sse health --url ${DEFAULT_URL}`,
      )
    }
    if (!response.ok) throw new CommandFailure(`The hub at ${hub.url} is ${state}.`, `curl ${hub.url}/readyz`)
    await io.stdout.write(json ? `${JSON.stringify({ url: hub.url, status: state })}\n` : `${hub.url} is ${state}\n`)
    finish(DONE)
  })
}

/** The setting that says it, and what it says. */
function whereIs(url: string | undefined, env: Io['env']): readonly [setting: string, text: string] {
  if (url) return ['--url', url]
  if (env.MCP_SSE_URL) return ['MCP_SSE_URL', env.MCP_SSE_URL]
  return /^[1-9]\d{0,4}$/.test(env.PORT ?? '') ? ['PORT', `http://127.0.0.1:${env.PORT}`] : ['default', DEFAULT_URL]
}

/** @throws CommandFailure */
async function answerOf(hub: HubClient): Promise<{ response: Response; text: string }> {
  const patience = AbortSignal.timeout(PATIENCE_MS)
  try {
    const response = await hub.send('/readyz', { signal: patience })
    return { response, text: await response.text() }
  } catch (error) {
    if (!patience.aborted) throw error
    throw new CommandFailure(
      `The hub at ${hub.url} did not answer within ${PATIENCE_MS / 1000} s.`,
      `curl ${hub.url}/readyz`,
      undefined,
      error,
    )
  }
}

/** `ready`, `draining`, `failed`; `undefined`: something else answers. */
function stateIn(text: string): string | undefined {
  try {
    const { status } = JSON.parse(text)
    return /^[a-z]{1,20}$/.test(status) ? status : undefined
  } catch {
    // Not JSON: no hub.
    return undefined
  }
}
