import { fstatSync } from 'node:fs'
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
   * Ends the process, for what was written to a reader that does not take it: that alone keeps a process alive (Bun
   * 1.4.5: also after `stdout.destroy()` and `unref()`). Every other end is the exit code that `run` returns.
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
    exit: (code) => process.exit(code),
  }
}

function output(stream: NodeJS.WriteStream): Output {
  let listening = false
  return {
    write(text) {
      // Without a listener a broken pipe is an uncaught exception besides the rejection.
      if (!listening) stream.on('error', () => {})
      listening = true
      return new Promise((resolve, reject) => {
        stream.write(text, (error) => (error ? reject(error) : resolve()))
      })
    },
    get isTerminal() {
      return stream.isTTY === true
    },
    get columns() {
      return stream.columns || 80
    },
  }
}

function standardInput(): Input {
  return {
    get isTerminal() {
      return process.stdin.isTTY === true
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
