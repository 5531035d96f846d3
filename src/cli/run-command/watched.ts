import { closeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { type ChildEnd, childEnd, systemCode } from '../child-end.ts'
import { plain } from '../display.ts'
import { isBrokenPipe } from '../failure.ts'
import type { Io } from '../io.ts'
import { LastLines } from './last-lines.ts'
import { closeEnds, openPipes, type Pipe } from './pipe.ts'

/** How a watched command went. */
export interface WatchedRun {
  command: readonly string[]
  end: ChildEnd
  ms: number
  /** `undefined` when the output was not looked at. */
  lastLines: string[] | undefined
}

/** A shell's numbers for a command that is not there, and for one that cannot be run. */
const NOT_FOUND = 127
const NOT_RUN = 126

/** What a command left behind may hold its output open for good; this long without a word is the end. */
const QUIET_MS = 500

const FROM_TERMINAL: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT']
const FORWARDED: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', ...FROM_TERMINAL]

/** Runs `command` as if nobody stood between: stdin is ours, output is passed on byte for byte, signals are forwarded. */
export async function runWatched(command: readonly string[], withOutput: boolean, io: Io): Promise<WatchedRun> {
  const started = performance.now()
  const lines = new LastLines()
  const run = (end: ChildEnd): WatchedRun => ({
    command,
    end,
    ms: Math.round(performance.now() - started),
    lastLines: withOutput ? lines.lines : undefined,
  })
  // A terminal tells the command itself, which is in its foreground group too; twice is what many take for "at once".
  const onTerminal = io.stdin.isTerminal || io.stdout.isTerminal || io.stderr.isTerminal
  let child: Bun.Subprocess | undefined
  const off = io.onSignal(FORWARDED, (signal) => {
    if (!onTerminal || !FROM_TERMINAL.includes(signal)) child?.kill(signal)
  })
  try {
    if (!withOutput) {
      child = Bun.spawn([...command], { cwd: io.cwd, env: io.env, stdio: ['inherit', 'inherit', 'inherit'] })
      return run(await childEnd(child))
    }
    const { started: watched, outputs: streams } = spawnWatched(command, io)
    child = watched
    const [out, err] = streams
    const outputs = [
      new PassedOutput(out, (bytes) => io.pass('stdout', bytes), lines.output()),
      new PassedOutput(err, (bytes) => io.pass('stderr', bytes), lines.output()),
    ]
    const end = await childEnd(watched)
    for (const failure of await Promise.all(outputs.map((output) => output.ended()))) {
      if (failure) await io.stderr.write(`mcp-sse: output was lost: ${plain(failure)}\nTry: df -h .\n`)
    }
    return run(end)
  } catch (error) {
    const code = systemCode(error)
    if (child || code === undefined) throw error
    await io.stderr.write(`mcp-sse: ${plain(command[0]!)} cannot be run (${code}).\nTry: command -v <command>\n`)
    return run({ exitCode: code === 'ENOENT' ? NOT_FOUND : NOT_RUN, signal: undefined })
  } finally {
    off()
  }
}

interface Outlet {
  bytes: ReadableStream<Uint8Array>
  /** Frees what the bytes come through: a cancelled stream keeps a descriptor that it was given (Bun 1.4.5). */
  close(): void
}

function spawnWatched(
  command: readonly string[],
  { cwd, env }: Io,
): { started: Bun.Subprocess; outputs: [stdout: Outlet, stderr: Outlet] } {
  const pipes = openPipes(2)
  if (!pipes) {
    const started = Bun.spawn([...command], { cwd, env, stdio: ['inherit', 'pipe', 'pipe'] })
    const outlet = (bytes: ReadableStream<Uint8Array>): Outlet => ({ bytes, close: () => {} })
    return { started, outputs: [outlet(started.stdout), outlet(started.stderr)] }
  }
  const [out, err] = pipes as [Pipe, Pipe]
  const outlet = ({ fd }: Pipe): Outlet => ({ bytes: Bun.file(fd).stream(), close: () => closeSync(fd) })
  try {
    const started = Bun.spawn([...command], { cwd, env, stdio: ['inherit', out.end, err.end] })
    return { started, outputs: [outlet(out), outlet(err)] }
  } finally {
    closeEnds(pipes)
  }
}

/** One output of a command on its way to ours. */
class PassedOutput {
  readonly #done: Promise<void>
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  #failure: string | undefined
  #ended = false
  #writing = false
  #lastAt = performance.now()

  constructor({ bytes, close }: Outlet, pass: (bytes: Uint8Array) => Promise<void>, look: (bytes: Uint8Array) => void) {
    this.#reader = bytes.getReader()
    this.#done = this.#pass(pass, look)
      .catch((error) => {
        this.#failure = error instanceof Error ? error.message : String(error)
      })
      .finally(() => {
        this.#ended = true
        close()
      })
  }

  /** After the command's end: resolves when all it wrote was passed on, or with what stood in the way. */
  async ended(): Promise<string | undefined> {
    this.#lastAt = performance.now()
    while (!this.#ended && (this.#writing || performance.now() - this.#lastAt < QUIET_MS)) {
      await Promise.race([this.#done, delay(QUIET_MS / 10)])
    }
    if (!this.#ended) await this.#reader.cancel()
    await this.#done
    return this.#failure
  }

  async #pass(pass: (bytes: Uint8Array) => Promise<void>, look: (bytes: Uint8Array) => void): Promise<void> {
    while (true) {
      const { done, value } = await this.#reader.read()
      if (done) return
      look(value)
      this.#writing = true
      try {
        await pass(value)
      } catch (error) {
        // Our reader left, or the disk is full: its own pipe is broken then, which the command meets as without us.
        await this.#reader.cancel()
        if (isBrokenPipe(error)) return
        throw error
      } finally {
        this.#writing = false
        this.#lastAt = performance.now()
      }
    }
  }
}
