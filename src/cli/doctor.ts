import { randomBytes } from 'node:crypto'
import { InvalidArgumentError, Option } from 'commander'
import { parseDuration } from '../core/duration.ts'
import { requireTopic } from '../core/topic.ts'
import { type Examined, examine } from './doctor/examine.ts'
import { PROXIES, type ProxyKind } from './doctor/front.ts'
import type { Examination } from './doctor/probe.ts'
import { conclusion, document, findingLines } from './doctor/report.ts'
import { Way } from './doctor/way.ts'
import { DONE, FAILED } from './exit.ts'
import { hubClient } from './hub-client.ts'
import type { Configure } from './verb.ts'

interface DoctorOptions {
  for?: number
  restart?: true | number
  origin?: string
  topic?: string
  proxy?: ProxyKind
  json?: true
}

const RESTART_MS = 120_000
const SOMEWHERE = 'https://app.example'

const HELP = `
It measures what is on the way to a hub: run it where the readers are. With the key of MCP_SSE_KEY it publishes about ten
events to a topic of its own and erases them if the key may; without one it says what it could not look at.
Exit code 0: nothing is wrong, or only warnings. 1: something is. Everything it looks at is in docs/doctor.md.

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
    .option('--topic <topic>', 'publish here (default: doctor/ and a random name)', topicName)
    .addOption(new Option('--proxy <name>', 'what is in front, if it does not say so itself').choices(PROXIES))
    .option('--json', 'print one object with all that was seen')
    .addHelpText('after', HELP)
  command.action(async (url: string | undefined, options: DoctorOptions) => {
    const hub = hubClient('doctor', { ...(url ? { url } : {}) }, io)
    const interrupted = io.untilInterrupted()
    const unread = new AbortController()
    const restart = options.restart ?? 0
    const topic = options.topic ?? `doctor/${randomBytes(6).toString('hex')}`
    const examination: Examination = {
      way: new Way(hub.url, io.env.MCP_SSE_KEY || undefined, AbortSignal.any([interrupted, unread.signal])),
      topic,
      topicPath: topic.split('/').map(encodeURIComponent).join('/'),
      origin: options.origin ?? SOMEWHERE,
      originNamed: options.origin !== undefined,
      holdMs: options.for,
      restartMs: restart === true ? RESTART_MS : restart,
      known: { proxy: undefined, caller: undefined, streams: false },
      published: 0,
      tell: (line) => io.stderr.write(`mcp-sse: ${line}\n`),
    }
    const front = () => (options.proxy ? { kind: options.proxy, name: options.proxy } : examination.known.proxy)
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
    const wrong = interrupted.aborted || examined.some(({ finding }) => finding.verdict === 'fail')
    finish(wrong ? FAILED : DONE)
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
