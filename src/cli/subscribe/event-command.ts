import { setTimeout as delay } from 'node:timers/promises'
import { oneLine } from '../../core/one-line.ts'
import { type ChildEnd, childEnd } from '../child-end.ts'
import { parseExact } from '../client/exact-json.ts'
import type { Io } from '../io.ts'
import { ProcessGroup } from './process-group.ts'

const GRACE_MS = 10_000
/** For what was killed to be gone: a process that waits for a disk goes when it has answered. */
const KILLED_MS = 1000
const LOOK_EVERY_MS = 20

/** What `cmd` obeys in a line into which it has put a variable (`%MCP_SSE_TOPIC%`): it does so before it reads the line. */
const OBEYED_BY_CMD = /[&|<>^"%!\r\n]/

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
 * SIGINT, SIGTERM and SIGHUP are passed on; after 10 s, and at the second one, it is killed. This ends when the group has,
 * so that nobody starts the same event beside it; SIGHUP then ends us as it would have.
 * @returns `interrupted` if it was stopped by us: whatever it then said, nobody knows how far it came.
 * @throws what the system says when it starts no process
 */
export async function runForEvent(command: string, { json, gap }: Occasion, io: Io): Promise<ChildEnd | 'interrupted'> {
  let group: ProcessGroup | undefined
  let interrupted: NodeJS.Signals | undefined
  let killAt = Number.POSITIVE_INFINITY
  const kill = () => {
    killAt = Math.min(killAt, performance.now())
    group?.signal('SIGKILL')
  }
  let killing: ReturnType<typeof setTimeout> | undefined
  // Before the command starts: it may run, and a signal come, before the next line here does. It is heard after the start.
  const off = io.onSignal(['SIGINT', 'SIGTERM', 'SIGHUP'], (signal) => {
    if (interrupted) return kill()
    interrupted = signal
    group?.signal(signal)
    killing = setTimeout(kill, GRACE_MS)
  })
  try {
    const child = Bun.spawn(shellLine(command, io.env), {
      cwd: io.cwd,
      env: environment(json, gap, io.env),
      stdin: new TextEncoder().encode(`${oneLine(json)}\n`),
      stdout: 'inherit',
      stderr: 'inherit',
      detached: process.platform !== 'win32',
      windowsVerbatimArguments: true,
    })
    group = new ProcessGroup(child)
    const end = await childEnd(child)
    if (interrupted === undefined) return end
    while (group.isRunning && performance.now() < killAt + KILLED_MS) await delay(LOOK_EVERY_MS)
  } finally {
    off()
    clearTimeout(killing)
  }
  // Nothing else listens to it.
  if (interrupted === 'SIGHUP') process.kill(process.pid, 'SIGHUP')
  return 'interrupted'
}

function shellLine(command: string, env: Io['env']): string[] {
  if (process.platform === 'win32') return [env.ComSpec || 'cmd.exe', '/d', '/s', '/c', `"${command}"`]
  return ['/bin/sh', '-c', command]
}

/** Ours without the key: what runs because a stranger published something should not hold it. */
function environment(json: string, gap: boolean, env: Io['env']): Record<string, string | undefined> {
  const { topic, type, id, cursor, time } = parseExact(json) as Record<string, unknown>
  return {
    ...env,
    MCP_SSE_KEY: undefined,
    MCP_SSE_TOPIC: given(topic),
    MCP_SSE_TYPE: given(type),
    MCP_SSE_ID: given(id),
    MCP_SSE_CURSOR: given(cursor),
    MCP_SSE_TIME: given(time),
    MCP_SSE_GAP: gap ? '1' : undefined,
  }
}

/** A field as a variable; left out where its text would be obeyed by the shell it is given to. */
export function given(value: unknown, platform: NodeJS.Platform = process.platform): string | undefined {
  const text = String(value)
  return platform === 'win32' && OBEYED_BY_CMD.test(text) ? undefined : text
}
