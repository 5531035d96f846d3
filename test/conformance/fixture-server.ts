import { join, resolve } from 'node:path'
import { compile } from '../../packaging/compile.ts'

/** A server that takes longer than this to say its URL, or to stop, does neither. */
const PATIENCE_MS = 20_000

export const FROM_SOURCE = [process.execPath, 'run', join(import.meta.dir, 'server.ts')]

/** `server.ts` as an executable, made as that of the product is. @returns the command */
export function compiledServer(directory: string): string[] {
  const outfile = join(directory, 'fixture-server')
  const exitCode = compile({ entries: ['test/conformance/server.ts'], root: '.', outfile: resolve(outfile) })
  if (exitCode !== 0) throw new Error(`The fixture server was not built: exit code ${exitCode}.`)
  return [outfile]
}

/**
 * Runs `work` with the URL of a server that `command` starts in `directory`.
 * @throws Error when it did not start, or ended with another exit code than 0: something failed that nobody foresaw
 */
export async function withServer<T>(
  command: readonly string[],
  directory: string,
  work: (url: string) => Promise<T>,
): Promise<T> {
  const child = Bun.spawn([...command], {
    cwd: directory,
    env: { PATH: process.env.PATH ?? '', HOME: directory },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    const result = await work(await firstLine(child.stdout))
    child.kill('SIGTERM')
    const late = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS)
    await child.exited
    clearTimeout(late)
    if (child.exitCode !== 0) throw new Error(`The fixture server ended with ${child.exitCode ?? child.signalCode}.`)
    return result
  } finally {
    child.kill('SIGKILL')
    await child.exited
  }
}

async function firstLine(stdout: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder()
  const reader = stdout.getReader()
  const late = setTimeout(() => void reader.cancel(), PATIENCE_MS)
  try {
    let text = ''
    while (!text.includes('\n')) {
      const { done, value } = await reader.read()
      if (done) throw new Error(`The fixture server did not say its URL. It said: ${text}`)
      text += decoder.decode(value, { stream: true })
    }
    return text.slice(0, text.indexOf('\n'))
  } finally {
    clearTimeout(late)
    reader.releaseLock()
  }
}
