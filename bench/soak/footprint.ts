import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { cpuSeconds } from '../process-cost.ts'

/** What a process has of the machine. */
export interface Footprint {
  rssKiB: number
  /** Shared pages by share. */
  pssKiB: number
  threads: number
  sockets: number
  /** Descriptors that are no sockets: files, pipes, timers. */
  files: number
  cpuSeconds: number
}

export function footprint(pid: number): Footprint {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  let sockets = 0
  let files = 0
  for (const descriptor of readdirSync(`/proc/${pid}/fd`)) {
    try {
      if (readlinkSync(`/proc/${pid}/fd/${descriptor}`).startsWith('socket:')) sockets++
      else files++
    } catch (error) {
      // Closed between the listing and the look.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  return {
    rssKiB: field(status, 'VmRSS'),
    pssKiB: field(rollup, 'Pss'),
    threads: field(status, 'Threads'),
    sockets,
    files,
    cpuSeconds: cpuSeconds([pid]),
  }
}

/** Bytes of the regular files of a directory whose names begin so. */
export function fileBytes(directory: string, prefix: string): number {
  let bytes = 0
  for (const name of readdirSync(directory)) {
    if (name.startsWith(prefix)) bytes += statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0
  }
  return bytes
}

function field(text: string, name: string): number {
  const value = new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1]
  if (value === undefined) throw new Error(`The kernel says nothing of ${name}.`)
  return Number(value)
}
