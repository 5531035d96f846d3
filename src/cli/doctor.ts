import { randomBytes } from 'node:crypto'
import { InvalidArgumentError, Option } from 'commander'
import { parseDuration } from '../core/duration.ts'
import { requireTopic } from '../core/topic.ts'
import { hubClient } from './client/hub-client.ts'
import { examinedUrl } from './doctor/address.ts'
import { type Examined, examine } from './doctor/examine.ts'
import { PROXIES, type ProxyKind } from './doctor/front.ts'
import { OwnEvents } from './doctor/own-events.ts'
import type { Examination } from './doctor/probe.ts'
import { conclusion, document, findingLines } from './doctor/report.ts'
import { Way } from './doctor/way.ts'
import { DONE, FAILED, INTERRUPTED } from './exit.ts'
import type { Configure } from './verb.ts'

interface DoctorOptions {
  for?: number
  restart?: true | number
  origin?: string
  topic?: string
  proxy?: ProxyKind
  recipe?: ProxyKind
  json?: true
}

const RESTART_MS = 120_000
const SOMEWHERE = 'https://app.example'

const HELP = `
It measures what is on the way to a hub: run it where the readers are. With the key of MCP_SSE_KEY it publishes about
ten events to a topic of its own and erases them, and no others, if the key may; without one it says what it could not
look at. Whoever reads every topic gets those events as they are published: subscribe --exec '**', forwards, webhooks.
Exit code 0: nothing is wrong, or only warnings. 1: something is. 130: it was interrupted. Everything it looks at is in
docs/doctor.md.

Examples:
  MCP_SSE_KEY=<key> mcp-sse doctor https://events.example
  mcp-sse doctor https://events.example --for 2m             hold a quiet stream for longer than proxies wait
  mcp-sse doctor https://events.example --restart            what readers are told while you restart the hub
  mcp-sse doctor https://events.example --origin https://app.example
`

export const configureDoctor: Configure = (command, io, finish) => {
  command
    .option('--for <duration>', 'how long to hold a quiet stream (17s, or as long as a heartbeat takes)', duration)
    .option('--restart [duration]', 'wait while the hub is restarted (2m), and look at what readers get', duration)
    .option('--origin <origin>', `whose pages are to read, for CORS (default: ${SOMEWHERE}, refused or not)`, origin)
    .option(
      '--topic <topic>',
      'publish here (default: doctor/ and a random name); whoever reads it or ** gets the events',
      topicName,
    )
    .addOption(new Option('--proxy <name>', 'what is in front, if it does not say so itself').choices(PROXIES))
    .addOption(new Option('--recipe <name>', 'print what docs/deploy.md says of that proxy, and end').choices(PROXIES))
    .option('--json', 'print one object with all that was seen')
    .addHelpText('after', HELP)
  command.action(async (url: string | undefined, options: DoctorOptions) => {
    if (options.recipe) {
      const { recipeOf } = await import('./doctor/recipe.ts')
      await io.stdout.write(recipeOf(options.recipe))
      return finish(DONE)
    }
    const hub = hubClient('doctor', { url: examinedUrl(url, io.env.MCP_SSE_URL) }, io)
    const interrupted = io.untilInterrupted()
    const unread = new AbortController()
    const restart = options.restart ?? 0
    const topic = options.topic ?? `doctor/${randomBytes(6).toString('hex')}`
    const way = new Way(hub.url, io.env.MCP_SSE_KEY || undefined, AbortSignal.any([interrupted, unread.signal]))
    const named = options.proxy && { kind: options.proxy, name: options.proxy }
    const examination: Examination = {
      way,
      topic,
      events: new OwnEvents(way, topic),
      origin: options.origin ?? SOMEWHERE,
      originNamed: options.origin !== undefined,
      holdMs: options.for,
      restartMs: restart === true ? RESTART_MS : restart,
      known: { proxy: named, caller: undefined, streams: false },
      tell: (line) => io.stderr.write(`mcp-sse: ${line}\n`),
    }
    const front = () => examination.known.proxy
    /** Ends the run when nobody reads on, but not before what was published is erased. */
    let unwritten: unknown
    const print = async (text: string) => {
      await io.stdout.write(text).catch((error: unknown) => {
        unwritten ??= error
        unread.abort()
      })
    }
    const examined: Examined[] = []
    if (!options.json) await print(`${hub.url}, with events of ${topic}\n\n`)
    const left = await examine(examination, async (one) => {
      examined.push(one)
      if (!options.json) await print(findingLines(one, front(), io.stdout.isTerminal))
    })
    await print(
      options.json
        ? `${JSON.stringify(document(hub.url, examined, front(), left))}\n`
        : conclusion(examined, left, io.stdout.isTerminal),
    )
    if (unwritten) throw unwritten
    if (interrupted.aborted) return finish(INTERRUPTED)
    finish(examined.some(({ finding }) => finding.verdict === 'fail') ? FAILED : DONE)
  })
}

function duration(text: string): number {
  const ms = parseDuration(text)
  if (ms !== undefined && ms >= 1000 && ms <= 3_600_000) return ms
  throw new InvalidArgumentError('It is a duration from 1s to 1h, such as 75s or 2m.')
}

function origin(text: string): string {
  const url = URL.parse(text)
  if (url && /^https?:$/.test(url.protocol) && url.origin === text.replace(/\/$/, '')) return url.origin
  throw new InvalidArgumentError(`It is an origin such as ${SOMEWHERE}.`)
}

function topicName(text: string): string {
  try {
    return requireTopic(text)
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error))
  }
}
