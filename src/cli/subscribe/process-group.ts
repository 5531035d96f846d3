import { readdirSync, readFileSync } from 'node:fs'

/** The processes that a command started, itself first: it leads a group of its own. On Windows it is the command alone. */
export class ProcessGroup {
  readonly #leader: Bun.Subprocess

  /** `leader`: started with `detached`. */
  constructor(leader: Bun.Subprocess) {
    this.#leader = leader
  }

  signal(signal: NodeJS.Signals): void {
    this.#send(signal)
  }

  /** Whether one of them is still at work. */
  get isRunning(): boolean {
    if (process.platform === 'win32') return this.#leader.exitCode === null && this.#leader.signalCode === null
    return this.#send(0) && (process.platform !== 'linux' || isAtWork(this.#leader.pid))
  }

  /** @returns whether there was anybody to take it. */
  #send(signal: NodeJS.Signals | 0): boolean {
    try {
      if (process.platform === 'win32') this.#leader.kill(signal)
      else process.kill(-this.#leader.pid, signal)
      return true
    } catch (error) {
      // Gone since.
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
      return false
    }
  }
}

/** The dead count as members until their parent looks, which the first process of a container may never do. */
function isAtWork(group: number): boolean {
  return readdirSync('/proc').some((name) => {
    if (!/^\d+$/.test(name)) return false
    const [state, , memberOf] = statusOf(name)
    return Number(memberOf) === group && state !== 'Z' && state !== 'X'
  })
}

/** `state`, parent and group of a process (proc(5), `stat` from field 3); nothing if it has gone. */
function statusOf(pid: string): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name of the program, the second field, may hold spaces and brackets.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ', 3)
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')) return []
    throw error
  }
}
