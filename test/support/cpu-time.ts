/**
 * Milliseconds of CPU that this thread spends on `run`, the least of three times: a busy machine that does something else
 * meanwhile, a pause for garbage and code that is compiled at its first run are no part of what `run` costs.
 */
export async function cpuMs(run: () => unknown): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let time = 0; time < 3; time++) {
    const before = process.threadCpuUsage()
    await run()
    const { user, system } = process.threadCpuUsage(before)
    least = Math.min(least, (user + system) / 1000)
  }
  return least
}
