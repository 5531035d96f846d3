/**
 * What a promise came to, for an assertion. In place of `expect(promise).rejects` and `.resolves`, which run the event
 * loop a second time inside the first (Bun 1.4.5, oven-sh/bun#33261): the end of a process or a piece of its output
 * that arrived with what the test was resumed by is then lost for good. One in seven restarts of a hub under
 * `mcp-sse stdio` was seen as a call without an answer.
 */

/** The reason of its rejection. @throws when there was none */
export async function rejection(promise: unknown): Promise<unknown> {
  const outcome = await Promise.resolve(promise).then(
    (value) => ({ value }),
    (reason: unknown) => ({ reason }),
  )
  if ('reason' in outcome) return outcome.reason
  throw new Error(`Expected a rejection. Resolved with: ${Bun.inspect(outcome.value)}`)
}

/** Something to call that does what the promise did: for `expect(…).toThrow()`. */
export async function settled(promise: unknown): Promise<() => void> {
  return await Promise.resolve(promise).then(
    () => () => {},
    (reason) => () => {
      throw reason
    },
  )
}
