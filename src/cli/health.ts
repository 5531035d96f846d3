import { isLocalUrlHost } from '../config/host.ts'
import type { Listening } from '../config/listening.ts'
import { withoutUrlSecrets } from '../config/setting.ts'
import { HubError } from '../core/errors.ts'
import { HubClient } from './client/hub-client.ts'
import { DEFAULT_URL, hubUrl } from './client/hub-url.ts'
import { plain } from './display.ts'
import { DONE } from './exit.ts'
import { CommandFailure } from './failure.ts'
import type { Io } from './io.ts'
import type { Configure } from './verb.ts'

/** Under the 30 s that container platforms give a check by default. */
const PATIENCE_MS = 5_000
/** More than `/readyz` ever says. */
const MOST_SHOWN = 200

const HELP = `
Exit code 0: it takes events and streams. 1: it does not, which goes to stderr. No key is sent. Without --url it asks the
hub of this machine where \`serve\` listens by the same variables and file (PORT, HOST, tls.cert), by https whatever
certificate it is shown. MCP_SSE_URL does not count: beside a hub it may name another one, which is
then said on stderr. What \`serve\` is told by flags has to be told here by --url.
`

interface HealthOptions {
  url?: string
  config?: string
  envFile?: string
  json?: true
}

export const configureHealth: Configure = (command, io, finish) => {
  command
    .option('--url <url>', 'where the hub is (default: where serve listens on this machine)')
    .option('--config <file>', 'the file that serve reads')
    .option('--env-file <file>', 'the variables that serve reads')
    .option('--json', 'print the answer as JSON')
    .addHelpText('after', HELP)
  command.action(async (options: HealthOptions) => {
    const hubs = options.url ? [namedHub(options.url)] : await hubsOfThisMachine(options, io)
    const elsewhere = options.url ? undefined : hubElsewhere(io.env.MCP_SSE_URL, hubs)
    // When nobody reads stderr any more the exit code still says it.
    if (elsewhere) void io.stderr.write(`mcp-sse: ${elsewhere}\n`).catch(() => {})
    const { hub, response, text } = await firstAnswer(hubs)
    const state = stateIn(text)
    if (state === undefined) {
      const shown = plain(text.slice(0, MOST_SHOWN).trim())
      throw new CommandFailure(
        `${hub.url}/readyz answered ${response.status}, which is not the answer of a hub: ${shown}`,
        `mcp-sse health --url ${DEFAULT_URL}`,
      )
    }
    if (!response.ok) throw new CommandFailure(`The hub at ${hub.url} is ${state}.`, `curl ${hub.url}/readyz`)
    const line = options.json ? JSON.stringify({ url: hub.url, status: state }) : `${hub.url} is ${state}`
    await io.stdout.write(`${line}\n`)
    finish(DONE)
  })
}

function namedHub(url: string): HubClient {
  return new HubClient('health', hubUrl(['--url', url]).href.replace(/\/$/, ''), undefined)
}

/** One for each address it listens on, of which a machine may lack some. @throws CommandFailure */
async function hubsOfThisMachine({ config, envFile }: HealthOptions, { env, cwd }: Io): Promise<HubClient[]> {
  // Loaded late: the schema is not needed where a URL is named.
  const { readListening } = await import('../config/listening.ts')
  const hint = `mcp-sse health --url ${DEFAULT_URL}`
  let listening: Listening
  try {
    listening = readListening({ env, cwd, configFile: config, envFile })
  } catch (error) {
    if (error instanceof HubError) throw new CommandFailure(error.message, hint, undefined, error)
    throw error
  }
  const { port, hosts, tls } = listening
  if (port === 0) throw new CommandFailure('The port is 0, a free one: only the hub has said which.', hint)
  return hosts.map((host) => {
    const url = `${tls ? 'https' : 'http'}://${reached(host)}:${port}`
    return new HubClient('health', url, undefined, { anyCertificate: true })
  })
}

/** What to say when `url`, by which the client commands find a hub, is not one of those that are asked; `undefined`: it is. */
function hubElsewhere(url: string | undefined, hubs: readonly HubClient[]): string | undefined {
  if (!url || hubs.some((hub) => sameHub(url, hub.url))) return undefined
  const shown = plain(withoutUrlSecrets(url))
  return `this asks ${hubs.map((hub) => hub.url).join(' and ')}, where serve listens on this machine, not MCP_SSE_URL (${shown}): that takes --url.`
}

/** Of names of this machine each is as good as another: people write localhost. */
function sameHub(one: string, other: string): boolean {
  const [a, b] = [URL.parse(one), URL.parse(other)]
  if (!a || !b || a.protocol !== b.protocol || a.port !== b.port) return false
  return a.hostname === b.hostname || (isLocalUrlHost(a.hostname) && isLocalUrlHost(b.hostname))
}

/** As a URL has it: no address is every address. */
function reached(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}

interface Answer {
  hub: HubClient
  response: Response
  text: string
}

/** Of the first address that has one; a machine may lack some. @throws CommandFailure: of the first, when none answers */
async function firstAnswer(hubs: readonly HubClient[]): Promise<Answer> {
  const asked = await Promise.allSettled(hubs.map(answerOf))
  const answered = asked.find((one) => one.status === 'fulfilled')
  if (answered) return answered.value
  throw (asked[0] as PromiseRejectedResult).reason
}

/** @throws CommandFailure */
async function answerOf(hub: HubClient): Promise<Answer> {
  const patience = AbortSignal.timeout(PATIENCE_MS)
  try {
    const response = await hub.send('/readyz', { signal: patience })
    return { hub, response, text: await response.text() }
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
