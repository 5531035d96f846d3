import type { Clock } from './clock.ts'
import type { Principal } from './principal.ts'
import type { Reader } from './reader.ts'

/**
 * When a stream of `principal` ends that begins now. Jittered by a tenth, so that streams that were opened together do not
 * end together. Of the monotonic clock: one that jumps moves no credential.
 */
export function lifetime(
  { expires }: Pick<Principal, 'expires'>,
  maxAgeMs: number,
  clock: Pick<Clock, 'now' | 'monotonic' | 'random'>,
): Pick<Reader, 'endsAt' | 'endReason'> {
  const age = maxAgeMs * (0.9 + clock.random() * 0.2)
  const left = expires === undefined ? Number.POSITIVE_INFINITY : expires - clock.now()
  return { endsAt: clock.monotonic() + Math.min(age, left), endReason: left < age ? 'credential-expired' : 'max-age' }
}
