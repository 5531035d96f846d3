import { expect } from 'bun:test'
import { type CloseReason, closeReasons } from '../../src/core/close-reason.ts'
import type { Follower } from './follower.ts'
import { until } from './until.ts'

/**
 * Ten times the 2 s that a removed key may still be used for: a busy machine, or this process that stands still, takes
 * some of them, and what is not ended by the reload itself lasts for its `stream.max_age`.
 */
const AT_MOST_MS = 20_000

/** Expects `follower` to have been told why, and ended, soon after `since` (`performance.now()`). */
export async function expectEnded(follower: Follower, reason: CloseReason, since: number): Promise<void> {
  await until(`the end by ${reason}`, () => follower.ended !== 'no')
  const ms = performance.now() - since
  const { reconnect, error }: { reconnect: boolean; error?: string } = closeReasons[reason]
  const words = error === undefined ? ['$closing'] : ['$error', '$closing']
  expect(follower.messages.slice(-words.length).map(({ event }) => event)).toEqual(words)
  expect(follower.control('$error')).toEqual(error === undefined ? [] : [{ code: reason, message: error }])
  expect(follower.control('$closing')).toEqual([{ reason, reconnect, retryMs: expect.any(Number) }])
  expect(ms).toBeLessThan(AT_MOST_MS)
}
