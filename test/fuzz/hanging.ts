import type { Parts } from './hostile.ts'

/** Something did not end in the time it had, which is long. */
export class Hanging extends Error {}

/** `check`, but after an input at which it hangs no smaller one is looked for: each would take as long, and the seed be told to nobody. */
export function hangingOnce<Input extends Parts | Parts[]>(
  check: (input: Input) => Promise<void>,
): (input: Input) => Promise<void> {
  let hangs = false
  return async (input) => {
    if (hangs) return
    try {
      await check(input)
    } catch (error) {
      hangs = error instanceof Hanging
      throw error
    }
  }
}
