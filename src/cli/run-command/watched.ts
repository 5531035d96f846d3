import { closeSync } from 'node:fs'
import { type ChildEnd, childEnd, systemCode } from '../child-end.ts'
import { plain } from '../display.ts'
import type { Io } from '../io.ts'
import { LastLines } from './last-lines.ts'
import { type Outlet, PassedOutput } from './passed-output.ts'
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

const LEFT_BEHIND =
  'mcp-sse: the command left a process in the background that holds its output; what that writes from now on is lost.\n' +
  'Try: run --no-output, or send its output to a file: <command> >file 2>&1 &\n'

const FROM_TERMINAL: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT']
const FORWARDED: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', ...FROM_TERMINAL]

/** Runs `command` as if nobody stood between: stdin is ours, output is passed on byte for byte, signals are forwarded. */
export async function runWatched(command: readonly string[], withOutput: boolean, io: Io): Promise<WatchedRun> {
  const started = performance.now()
  const lines = new LastLines(io.env.MCP_SSE_KEY)
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
    await Promise.all(outputs.map((output) => output.ended()))
    for (const { failure } of outputs) {
      if (failure) await io.stderr.write(`mcp-sse: output was lost: ${plain(failure)}\nTry: df -h .\n`)
    }
    // Nobody may be left to read stderr; how the command went is published all the same.
    if (outputs.some(({ left }) => left)) await io.stderr.write(LEFT_BEHIND).catch(() => {})
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
