import { readdirSync, readFileSync } from 'node:fs'

/** Linux's USER_HZ, the unit of utime and stime in /proc/<pid>/stat: 100 on every platform Bun runs on. */
const TICKS_A_SECOND = 100

/** A process and everything below it, for servers that fork workers. */
export function family(pid: number): number[] {
  const children = new Map<number, number[]>()
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const parent = Number(statFields(Number(entry))?.[1])
    children.set(parent, [...(children.get(parent) ?? []), Number(entry)])
  }
  const found = [pid]
  for (let index = 0; index < found.length; index++) found.push(...(children.get(found[index]!) ?? []))
  return found
}

/** CPU seconds of all threads so far, user and system. */
export function cpuSeconds(pids: readonly number[]): number {
  let ticks = 0
  for (const pid of pids) {
    const fields = statFields(pid)
    if (!fields) throw new Error(`Process ${pid} is gone; its CPU time cannot be read.`)
    ticks += Number(fields[11]) + Number(fields[12])
  }
  return ticks / TICKS_A_SECOND
}

/** Resident memory in KiB. Kernel socket buffers are not in it. */
export function residentKiB(pids: readonly number[]): number {
  let total = 0
  for (const pid of pids) {
    const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    if (match) total += Number(match[1])
  }
  return total
}

/** The fields after `(name)`, which may hold spaces and brackets: [0] is the state, [1] the parent. */
function statFields(pid: number): string[] | undefined {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch (error) {
    // A process that ended between the listing and the look is not an error.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'ESRCH') return
    throw error
  }
  return text.slice(text.lastIndexOf(')') + 2).split(' ')
}
