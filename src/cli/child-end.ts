/** How a child process ended. */
export interface ChildEnd {
  /** A shell's number for it: 128 and the signal's number after a signal. */
  exitCode: number
  /** `SIGKILL`; `signal 34` for one without a name. */
  signal: string | undefined
}

/** Resolves when `child` is gone. */
export async function childEnd(child: Bun.Subprocess): Promise<ChildEnd> {
  const exitCode = await child.exited
  const signal = child.signalCode
  if (signal === null) return { exitCode, signal: undefined }
  return { exitCode, signal: typeof signal === 'number' ? `signal ${signal}` : signal }
}

/** `3`, or `SIGKILL`. */
export function endName({ exitCode, signal }: ChildEnd): string {
  return signal ?? String(exitCode)
}

/** The system's word for why a process was not started: `ENOENT`, `EACCES`, `EAGAIN`; `undefined` for any other error. */
export function systemCode(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return /^E[A-Z0-9]+$/.test(code) ? code : undefined
}
