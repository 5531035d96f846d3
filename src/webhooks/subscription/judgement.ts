import { HubError } from '../../core/errors.ts'
import type { Principal } from '../../core/principal.ts'
import type { Notice } from '../delivery/notices.ts'
import type { Choose, Chosen } from '../subscription-request.ts'
import { type Definition, principalOf, storedPrincipal } from './definition.ts'

/** Whether a subscription goes on, and as what; or what its callback is told of its end (SEP-3415, section on removal). */
export type Judgement =
  | {
      kind: 'stands'
      /** The same object when nothing about it changed. */
      definition: Definition
      chosen: Chosen
      /** Whether its principal still counts could be said. */
      isCertain: boolean
    }
  | { kind: 'ended'; notice: Notice }

/** `nobody`: any more, or one that leaves nothing behind. `unknown`: that cannot be said before `inquire`, or not now. */
export type Standing = Principal | 'nobody' | 'unknown'

export interface Judges {
  choose: Choose
  /** Who a principal of earlier is now, by what is known at this moment: nothing comes between the answer and its use. */
  standing: (principal: Principal) => Standing
  /** Asks whoever can say more about those that are unknown. Never rejects. */
  inquire: () => Promise<void>
}

const REVOKED = 'The credential it was made with is no longer accepted.'
const NARROWED = 'The credential it was made with may no longer read this.'

/** One whose principal is unknown does as when it was known last. */
export function judge(definition: Definition, { choose, standing }: Pick<Judges, 'choose' | 'standing'>): Judgement {
  const stored = principalOf(definition.principal)
  const found = standing(stored)
  const ended = (name: keyof Definition['numbers'], data: Record<string, unknown>): Judgement => {
    const error = { code: definition.numbers[name], message: name, data }
    return { kind: 'ended', notice: { type: 'terminated', error } }
  }
  if (found === 'nobody') return ended('Forbidden', { reason: REVOKED })
  const principal = found === 'unknown' ? stored : found
  try {
    const chosen = choose(definition.name, definition.arguments, principal.grants)
    if (!chosen) return ended('NotFound', { kind: 'event' })
    const broken = definition.promises.some((promise) => !chosen.promises.includes(promise))
    if (broken) return ended('Unsupported', { feature: 'payloadSchema', reason: 'schema_changed' })
    return { kind: 'stands', definition: definitionOf(definition, principal), chosen, isCertain: found !== 'unknown' }
  } catch (error) {
    if (!(error instanceof HubError)) throw error
    if (error.code === 'forbidden') return ended('Forbidden', { reason: NARROWED })
    return ended('Unsupported', { feature: 'inputSchema', reason: 'schema_changed' })
  }
}

/** Of what `principal` may do now, and ending with it at the latest. */
function definitionOf(before: Definition, principal: Principal): Definition {
  const stored = storedPrincipal(principal)
  const end = Math.min(before.expires ?? Number.POSITIVE_INFINITY, stored.expires ?? Number.POSITIVE_INFINITY)
  const expires = end === Number.POSITIVE_INFINITY ? null : end
  if (expires === before.expires && Bun.deepEquals(stored, before.principal)) return before
  return { ...before, principal: stored, expires }
}
