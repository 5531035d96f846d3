import { setTimeout as delay } from 'node:timers/promises'
import { endName, systemCode } from '../child-end.ts'
import { plain } from '../display.ts'
import type { Io } from '../io.ts'
import { runForEvent } from './event-command.ts'

const FIRST_WAIT_MS = 1000
const LONGEST_WAIT_MS = 60_000
/** Of the wait, either way: many subscribers of one broken service do not come back together. */
const JITTER = 0.2

export interface ReactionOptions {
  command: string
  /** Runs for one event at most, the first included. */
  attempts: number
  stop: AbortSignal
}

/** The command of `--exec`: run for one event until it succeeds. */
export class Reaction {
  /** Events before the next one are missing; told to the command until it succeeds. */
  gap: boolean
  readonly #options: ReactionOptions
  readonly #io: Io

  constructor(options: ReactionOptions, gap: boolean, io: Io) {
    this.gap = gap
    this.#options = options
    this.#io = io
  }

  /** @returns whether the event is dealt with: done or given up, and not interrupted. */
  async to(json: string, cursor: string): Promise<boolean> {
    const { command, attempts, stop } = this.#options
    for (let attempt = 1; !stop.aborted; attempt++) {
      const end = await this.#run(command, json)
      if (end === 'interrupted') return false
      if (end === 'done') {
        this.gap = false
        return true
      }
      if (attempt >= attempts) {
        await this.#say(`${end} for ${cursor}; given up after ${count(attempt)}, the next one follows`)
        return true
      }
      const waitMs = waitAfter(attempt)
      await this.#say(`${end} for ${cursor} (attempt ${attempt}), trying again in ${(waitMs / 1000).toFixed(1)} s`)
      await delay(waitMs, undefined, { signal: stop }).catch(() => {})
    }
    return false
  }

  async #run(command: string, json: string): Promise<'done' | 'interrupted' | string> {
    try {
      const end = await runForEvent(command, { json, gap: this.gap }, this.#io)
      if (end === 'interrupted') return end
      return end.exitCode === 0 ? 'done' : `the command ended with ${endName(end)}`
    } catch (error) {
      // No process to be had (EAGAIN, ENOMEM) passes as a command that fails does.
      const code = systemCode(error)
      if (code === undefined) throw error
      return `the command was not started (${code})`
    }
  }

  async #say(sentence: string): Promise<void> {
    await this.#io.stderr.write(`mcp-sse: ${plain(sentence)}\n`)
  }
}

function count(attempts: number): string {
  return attempts === 1 ? '1 attempt' : `${attempts} attempts`
}

/** Milliseconds: 1 s, 2 s, … 60 s, a fifth more or less. */
function waitAfter(attempt: number): number {
  const doubled = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(attempt - 1, 10))
  return Math.round(doubled * (1 + JITTER * (2 * Math.random() - 1)))
}
