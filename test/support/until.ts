/** Longer than a timer is late on a busy machine. */
const STOOD_STILL_MS = 500

/**
 * Waits until `check` gives something truthy; throws with `what` and the last error after `deadlineMs`. The time for which
 * this process stood still is not counted.
 */
export async function until<T>(
  what: string,
  check: () => T | Promise<T>,
  deadlineMs = 20_000,
): Promise<NonNullable<T>> {
  let deadline = performance.now() + deadlineMs
  let last: unknown
  for (;;) {
    try {
      const found = await check()
      if (found) return found
      last = undefined
    } catch (error) {
      last = error
    }
    const now = performance.now()
    if (now > deadline) throw new Error(`Waited ${deadlineMs} ms: ${what}`, { cause: last })
    await Bun.sleep(20)
    const lateMs = performance.now() - now - 20
    if (lateMs > STOOD_STILL_MS) deadline += lateMs
  }
}
