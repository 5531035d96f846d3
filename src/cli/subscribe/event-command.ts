import { oneLine } from '../../sse/encode.ts'
import { type ChildEnd, childEnd } from '../child-end.ts'
import { parseExact } from '../exact-json.ts'
import type { Io } from '../io.ts'

const GRACE_MS = 10_000

/** What one run of the command is given. */
export interface Occasion {
  /** The event document. */
  json: string
  /** Events before this one are missing. */
  gap: boolean
}

/**
 * Runs `command` in the system's shell once: the event document and a line break on its stdin, what it is in its
 * environment, stdout and stderr ours. It leads a process group of its own, so that a signal reaches all it started:
 * SIGINT, SIGTERM and SIGHUP are passed on; after 10 s, and at the second one, it is killed.
 * @returns `interrupted` if it was stopped by us: whatever it then said, nobody knows how far it came.
 * @throws what the system says when it starts no process
 */
export async function runForEvent(command: string, { json, gap }: Occasion, io: Io): Promise<ChildEnd | 'interrupted'> {
  const child = Bun.spawn(shellLine(command, io.env), {
    cwd: io.cwd,
    env: environment(json, gap, io.env),
    stdin: new TextEncoder().encode(`${oneLine(json)}\n`),
    stdout: 'inherit',
    stderr: 'inherit',
    detached: process.platform !== 'win32',
    windowsVerbatimArguments: true,
  })
  let interrupted = false
  let killing: ReturnType<typeof setTimeout> | undefined
  const off = io.onSignal(['SIGINT', 'SIGTERM', 'SIGHUP'], (signal) => {
    signalGroup(child, interrupted ? 'SIGKILL' : signal)
    interrupted = true
    killing ??= setTimeout(() => signalGroup(child, 'SIGKILL'), GRACE_MS)
    if (signal !== 'SIGHUP') return
    // Nothing else listens to it: with this listener gone it ends us as it would have.
    off()
    process.kill(process.pid, 'SIGHUP')
  })
  try {
    const end = await childEnd(child)
    return interrupted ? 'interrupted' : end
  } finally {
    off()
    clearTimeout(killing)
  }
}

function shellLine(command: string, env: Io['env']): string[] {
  if (process.platform === 'win32') return [env.ComSpec || 'cmd.exe', '/d', '/s', '/c', `"${command}"`]
  return ['/bin/sh', '-c', command]
}

/** Ours without the key: what runs because a stranger published something should not hold it. */
function environment(json: string, gap: boolean, env: Io['env']): Record<string, string | undefined> {
  const { topic, type, id, cursor, time } = parseExact(json) as Record<string, unknown>
  const given = { ...env }
  delete given.MCP_SSE_KEY
  delete given.MCP_SSE_GAP
  return {
    ...given,
    MCP_SSE_TOPIC: String(topic),
    MCP_SSE_TYPE: String(type),
    MCP_SSE_ID: String(id),
    MCP_SSE_CURSOR: String(cursor),
    MCP_SSE_TIME: String(time),
    ...(gap ? { MCP_SSE_GAP: '1' } : {}),
  }
}

function signalGroup(child: Bun.Subprocess, signal: NodeJS.Signals): void {
  try {
    if (process.platform === 'win32') child.kill(signal)
    else process.kill(-child.pid, signal)
  } catch (error) {
    // Gone since.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
