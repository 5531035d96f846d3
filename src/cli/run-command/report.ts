import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { hubDocument } from '../client/hub-answer.ts'
import { failureOfAnswer, type HubClient, hubClient, retryAfterMs } from '../client/hub-client.ts'
import { CommandFailure, failureOf, failureText } from '../failure.ts'
import type { Io } from '../io.ts'
import { withoutSecret } from '../redacted-output.ts'
import type { WatchedRun } from './watched.ts'

/** For all tries together: who waits for the command waits for this too. */
const LONGEST_MS = 10_000
const FIRST_WAIT_MS = 500
const TEMPORARY = new Set([429, 502, 503, 504])
/** Of the command line that is published; the kernel takes 2 MiB, an event 252 KiB. */
const MAX_COMMAND_CHARACTERS = 8 * 1024

/** Publishes how a command went. Nothing that goes wrong here changes the exit code: it is said on stderr. */
export class Report {
  readonly #topic: string
  readonly #options: { url?: string }
  readonly #io: Io
  #hub: HubClient | undefined

  constructor(topic: string, options: { url?: string }, io: Io) {
    this.#topic = topic
    this.#options = options
    this.#io = io
  }

  /** Says before the command runs what is wrong with `--url`, `MCP_SSE_URL` or `MCP_SSE_KEY`; it runs all the same. */
  async begin(): Promise<void> {
    try {
      this.#hub = hubClient('run', this.#options, this.#io)
    } catch (error) {
      await this.#say(failureOf(error))
    }
  }

  async publish(run: WatchedRun): Promise<void> {
    const hub = this.#hub
    if (!hub) return
    const interrupted = new AbortController()
    const off = this.#io.onSignal(['SIGINT', 'SIGTERM', 'SIGHUP'], () => interrupted.abort())
    try {
      await send(hub, this.#event(run), interrupted.signal)
    } catch (error) {
      await this.#say(failureOf(error))
    } finally {
      off()
    }
  }

  #event({ command, end, ms, lastLines }: WatchedRun): string {
    const secret = this.#io.env.MCP_SSE_KEY
    const clean = (text: string) => withoutSecret(text, secret).toWellFormed()
    const data = {
      command: bounded(command.map(clean)),
      exitCode: end.exitCode,
      signal: end.signal,
      ms,
      host: hostname(),
      lastLines,
    }
    const type = end.exitCode === 0 ? 'run.ok' : 'run.failed'
    // Tried again after an answer that was lost, the same id is stored once.
    return JSON.stringify({ topic: this.#topic, type, id: `run_${crypto.randomUUID()}`, data })
  }

  async #say({ message, hint, exitCode }: CommandFailure): Promise<void> {
    const failure = new CommandFailure(`How the command ends is not published: ${message}`, hint, exitCode)
    // With nobody left to read stderr the exit code still says how the command went.
    await this.#io.stderr.write(failureText(failure)).catch(() => {})
  }
}

/** The words of a command line that fit; the one that does not is cut. */
function bounded(words: readonly string[]): string[] {
  const kept: string[] = []
  let left = MAX_COMMAND_CHARACTERS
  for (const word of words) {
    if (left <= 0) return [...kept, '…']
    kept.push(word.length > left ? `${word.slice(0, left)}…`.toWellFormed() : word)
    left -= word.length + 1
  }
  return kept
}

/** @throws CommandFailure when it was refused, and when 10 s were not enough */
async function send(hub: HubClient, event: string, interrupted: AbortSignal): Promise<void> {
  const until = performance.now() + LONGEST_MS
  const signal = AbortSignal.any([interrupted, AbortSignal.timeout(LONGEST_MS)])
  let failure: CommandFailure | undefined
  for (let waitMs = FIRST_WAIT_MS; ; waitMs *= 2) {
    let askedMs: number | undefined
    try {
      const headers = { 'content-type': 'application/json' }
      const response = await hub.send('/events', { method: 'POST', headers, body: event, signal })
      if (response.ok) {
        await hubDocument<{ cursor: string }>(response, 'cursor').catch(refused)
        return
      }
      failure = await failureOfAnswer(response, hub)
      if (!TEMPORARY.has(response.status)) throw new Refused(failure)
      askedMs = retryAfterMs(response)
    } catch (error) {
      if (error instanceof Refused) throw error.failure
      if (signal.aborted) throw failure ?? silent(hub, interrupted.aborted)
      failure = failureOf(error)
    }
    const pauseMs = (askedMs ?? waitMs) * (1 + Math.random() / 4)
    if (performance.now() + pauseMs > until) throw failure
    await delay(pauseMs, undefined, { signal }).catch(() => {})
    if (signal.aborted) throw failure
  }
}

/** What is no hub is none the next time; an answer that was cut off is asked for again. */
function refused(error: unknown): never {
  throw error instanceof CommandFailure ? new Refused(error) : error
}

function silent(hub: HubClient, interrupted: boolean): CommandFailure {
  const why = interrupted ? 'it was interrupted.' : `${hub.url} has not answered for ${LONGEST_MS / 1000} s.`
  return new CommandFailure(why, `mcp-sse topics --url ${hub.url}`)
}

/** An answer that is the same next time. */
class Refused extends Error {
  readonly failure: CommandFailure

  constructor(failure: CommandFailure) {
    super(failure.message)
    this.failure = failure
  }
}
