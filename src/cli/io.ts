import { fstatSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { isatty } from 'node:tty'
import type { RunMode } from '../config/data-dir.ts'

export interface Output {
  /** Resolves when the text was taken, so that a slow reader holds up whoever writes. Rejects with code `EPIPE`. */
  write(text: string): Promise<void>
  readonly isTerminal: boolean
  /** Characters a line. */
  readonly columns: number
}

export interface Input {
  readonly isTerminal: boolean
  /** Bytes there are to read if it is a file. */
  readonly size: number | undefined
  read(): ReadableStream<Uint8Array>
}

/** The process as the verbs see it. */
export interface Io {
  env: Readonly<Record<string, string | undefined>>
  cwd: string
  mode: RunMode
  stdin: Input
  stdout: Output
  stderr: Output
  /** Aborts on the first SIGINT or SIGTERM; the second one ends the process as it would have without this. */
  untilInterrupted(): AbortSignal
  /**
   * Tells of signals instead of ending the process by them, until the function it returns is called. Those that the
   * process was started to ignore (`nohup`) stay ignored.
   */
  onSignal(signals: readonly NodeJS.Signals[], listener: (signal: NodeJS.Signals) => void): () => void
  /** What another program wrote, byte for byte, to an output of ours; settles as `Output.write` does. */
  pass(to: 'stdout' | 'stderr', bytes: Uint8Array): Promise<void>
  /**
   * Ends the process, for what was written to a reader that does not take it: that alone keeps a process alive (Bun
   * 1.4.5: also after `stdout.destroy()` and `unref()`). The end of a hub; every other one is the code that `run` returns.
   */
  exit(code: number): never
}

export function processIo(): Io {
  return {
    env: process.env,
    cwd: process.cwd(),
    // Bun keeps the files of an executable under this root; an installed package is started from anywhere as well.
    mode: /^(\/\$bunfs\/|[A-Z]:[\\/]~BUN[\\/])|[\\/]node_modules[\\/]/.test(import.meta.path) ? 'executable' : 'source',
    stdin: standardInput(),
    stdout: output(process.stdout),
    stderr: output(process.stderr),
    untilInterrupted,
    onSignal,
    pass: (to, bytes) => written(process[to], bytes),
    exit: (code) => process.exit(code),
  }
}

function output(stream: NodeJS.WriteStream): Output {
  return {
    write: (text) => written(stream, text),
    get isTerminal() {
      return stream.isTTY === true
    },
    get columns() {
      return stream.columns || 80
    },
  }
}

function written(stream: NodeJS.WriteStream, content: string | Uint8Array): Promise<void> {
  // Without a listener a broken pipe is an uncaught exception besides the rejection.
  if (stream.listenerCount('error') === 0) stream.on('error', () => {})
  return new Promise((resolve, reject) => {
    stream.write(content, (error) => (error ? reject(error) : resolve()))
  })
}

function standardInput(): Input {
  return {
    get isTerminal() {
      // Not `process.stdin`: that would take hold of what a child is to read.
      return isatty(0)
    },
    get size() {
      const stat = fstatSync(0)
      return stat.isFile() ? stat.size : undefined
    },
    read: () => Bun.stdin.stream(),
  }
}

function untilInterrupted(): AbortSignal {
  const controller = new AbortController()
  const stop = () => {
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
    controller.abort()
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  return controller.signal
}

function onSignal(signals: readonly NodeJS.Signals[], listener: (signal: NodeJS.Signals) => void): () => void {
  const ignored = ignoredSignals()
  const heard = signals.filter((signal) => !(ignored & (1n << BigInt(constants.signals[signal] - 1))))
  for (const signal of heard) process.on(signal, listener)
  return () => {
    for (const signal of heard) process.off(signal, listener)
  }
}

/** A bit for each signal, the lowest for signal 1. Only Linux tells; elsewhere none are taken to be ignored. */
function ignoredSignals(): bigint {
  if (process.platform !== 'linux') return 0n
  const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]
  return BigInt(`0x${mask ?? '0'}`)
}
