import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { CommandFailure } from '../failure.ts'

const TRIES = 5

/**
 * One process a state file: `<path>.lock` names it until `release` is called. A lock whose process is gone, however it
 * ended, is taken over; a number that another process has by now is told from it by the time that one was started.
 * @throws CommandFailure while another process has it
 */
export function lockState(path: string): () => void {
  const lock = `${path}.lock`
  const own = `${process.pid} ${startOf(process.pid)}`
  const draft = `${lock}.${process.pid}`
  for (let attempt = 0; attempt < TRIES; attempt++) {
    rmSync(draft, { force: true })
    writeFileSync(draft, own, { flag: 'wx', mode: 0o600 })
    try {
      // Unlike an exclusive open it is never seen empty.
      linkSync(draft, lock)
      return () => rmSync(lock, { force: true })
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error
    } finally {
      rmSync(draft, { force: true })
    }
    const holder = contentOf(lock)
    if (holder === undefined) continue
    if (isRunning(holder)) throw held(path, holder)
    takeAway(lock, holder)
  }
  throw held(path, contentOf(lock))
}

/** Removes the lock of `holder`, and not the one that somebody took meanwhile. */
function takeAway(lock: string, holder: string): void {
  const aside = `${lock}.${process.pid}.old`
  try {
    renameSync(lock, aside)
    if (contentOf(aside) !== holder) linkSync(aside, lock)
  } catch (error) {
    // Another process was faster: the next attempt meets its lock.
    if (!hasCode(error, 'ENOENT') && !hasCode(error, 'EEXIST')) throw error
  } finally {
    rmSync(aside, { force: true })
  }
}

function held(path: string, holder = ''): CommandFailure {
  const pid = /^\d+/.exec(holder)
  return new CommandFailure(
    `${path} is in use by another mcp-sse${pid ? ` (process ${pid})` : ''}; two would handle events twice.`,
    'mcp-sse subscribe --state <another file>',
  )
}

function isRunning(holder: string): boolean {
  const [pid, start] = holder.split(' ')
  if (!/^[1-9]\d*$/.test(pid ?? '') || Number(pid) === process.pid) return false
  try {
    process.kill(Number(pid), 0)
  } catch (error) {
    // EPERM: somebody else's, and running.
    if (!hasCode(error, 'EPERM')) return false
  }
  const now = startOf(Number(pid))
  return !start || !now || start === now
}

/** Clock ticks since the machine was started (proc(5), `stat` field 22); empty where that is not told. */
function startOf(pid: number): string {
  const stat = process.platform === 'linux' ? contentOf(`/proc/${pid}/stat`) : undefined
  // The name of the program, the second field, may hold spaces and brackets.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ESRCH')) return undefined
    throw error
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
