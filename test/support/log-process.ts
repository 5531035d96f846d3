import { join } from 'node:path'

/** `appending-process.ts` on `directory`; with `fileLimitKib` no file it writes can become larger than that. */
export function appendingProcess(directory: string, fileLimitKib?: number) {
  return storingProcess('appending-process.ts', directory, fileLimitKib)
}

/** `outlet-process.ts` on `directory`. */
export function outletProcess(directory: string, fileLimitKib?: number) {
  return storingProcess('outlet-process.ts', directory, fileLimitKib)
}

function storingProcess(script: string, directory: string, fileLimitKib?: number) {
  const command = [process.execPath, join(import.meta.dir, script), directory]
  // A shell's `ulimit -f` counts 512-byte blocks (POSIX); ignoring the signal makes it an error of write(2).
  const limited = ['sh', '-c', `trap '' XFSZ; ulimit -f ${(fileLimitKib ?? 0) * 2}; exec "$@"`, 'sh', ...command]
  const child = Bun.spawn(fileLimitKib ? limited : command, { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: string[] = []
  const reading = (async () => {
    const decoder = new TextDecoder()
    let rest = ''
    for await (const chunk of child.stdout) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n')
      rest = parts.pop()!
      lines.push(...parts)
    }
  })()
  return {
    /** Complete lines so far. */
    lines,
    pid: child.pid,
    async kill(): Promise<void> {
      child.kill('SIGKILL')
      await child.exited
      await reading
    },
    async ended(): Promise<void> {
      await child.exited
      await reading
    },
  }
}
