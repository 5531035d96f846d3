import { afterEach, expect, test } from 'bun:test'
import { idleTimeoutS } from '../../src/http/idle-timeout.ts'
import { Follower } from '../support/follower.ts'
import { type ServedHub, servedHub } from '../support/served-hub.ts'
import { until } from '../support/until.ts'

let at: ServedHub
const followers: Follower[] = []
afterEach(async () => {
  for (const follower of followers.splice(0)) follower.stop()
  await at.close()
})

const follow = async () => {
  const follower = await Follower.open(`${at.url}/events?heartbeat=event`)
  followers.push(follower)
  return follower.opened()
}
const beats = (follower: Follower) => follower.control('$heartbeat').length

test.each([
  [100, 60],
  [15_000, 60],
  [30_000, 60],
  [60_500, 122],
  [239_999, 255],
])('a heartbeat after %i ms lets a socket be quiet for %i s', async (heartbeatMs, seconds) => {
  at = await servedHub()
  expect(idleTimeoutS(heartbeatMs)).toBe(seconds)
})

/** Quiet time before a heartbeat, as the stream says it. */
const told = (follower: Follower) => follower.control('$open')[0]!.heartbeatMs

test('a stream that begins with longer pauses than its server did is not cut off in one of them, and older ones keep theirs', async () => {
  // Twelve seconds, and with longer pauses thirty. Bun (1.4.5) counts in fours: it cuts off sockets of four seconds that
  // are written to every second, and those of eight when the machine stands still for three.
  at = await servedHub({ limits: { heartbeatMs: 1000 }, idleTimeoutS: (heartbeatMs) => (heartbeatMs > 1000 ? 30 : 12) })
  const before = await follow()
  at.limits.heartbeatMs = 14_000
  const after = await follow()
  expect([told(before), told(after)]).toEqual([1000, 14_000])
  await until('a heartbeat after the long pause, or the end', () => beats(after) > 0 || after.ended !== 'no', 60_000)
  expect([beats(after) > 0, after.ended, before.ended]).toEqual([true, 'no', 'no'])
  expect(beats(before)).toBeGreaterThan(3)
}, 120_000)
