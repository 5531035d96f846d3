/** Where the load tool writes the time of sending, a fresh number and a rising one (see load/requests.c). */
export const STAMP = '@@0000000000000000000'
export const FRESH = '##0000000000000000'
export const RISING = '%%0000'

/** A JSON object of exactly `bytes` bytes, which every contender delivers unchanged as its `data:` line. */
export function payload(bytes = 200): string {
  const head = `{"t":"${STAMP}","pad":"`
  return `${head}${'x'.repeat(bytes - head.length - 2)}"}`
}
