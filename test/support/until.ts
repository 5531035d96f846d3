/** Waits until `check` gives something truthy; throws with `what` and the last error after `deadlineMs`. */
export async function until<T>(
  what: string,
  check: () => T | Promise<T>,
  deadlineMs = 20_000,
): Promise<NonNullable<T>> {
  const deadline = performance.now() + deadlineMs
  let last: unknown
  for (;;) {
    try {
      const found = await check()
      if (found) return found
      last = undefined
    } catch (error) {
      last = error
    }
    if (performance.now() > deadline) throw new Error(`Waited ${deadlineMs} ms: ${what}`, { cause: last })
    await Bun.sleep(20)
  }
}
