import { readdir, readFile } from 'node:fs/promises'
import { counter, type Family, gauge } from './family.ts'

/** What Prometheus calls the same for every program. Descriptors are counted where there is `/proc`: 10,000 take 5 ms, on another thread. @param startedAt Unix time, the same each time: Prometheus takes another one for a restart */
export async function processFamilies(startedAt: number): Promise<Family[]> {
  const { user, system } = process.cpuUsage()
  const families = [
    counter('process_cpu_seconds_total', 'User and system CPU time of all threads.', (user + system) / 1e6),
    gauge('process_resident_memory_bytes', 'Memory that is in RAM.', process.memoryUsage.rss()),
    gauge('process_start_time_seconds', 'When the process began, Unix time.', startedAt),
  ]
  return [...families, ...(await descriptorFamilies())]
}

async function descriptorFamilies(): Promise<Family[]> {
  try {
    const [open, limits] = await Promise.all([readdir('/proc/self/fd'), readFile('/proc/self/limits', 'utf8')])
    // The soft one, to which the kernel holds it.
    const limit = /^Max open files\s+(\d+)/m.exec(limits)?.[1]
    return [
      gauge('process_open_fds', 'Open file descriptors.', open.length),
      gauge('process_max_fds', 'File descriptors it may have.', ...(limit === undefined ? [] : [Number(limit)])),
    ]
  } catch {
    // No /proc (other systems, some containers): nothing else knows them.
    return []
  }
}
