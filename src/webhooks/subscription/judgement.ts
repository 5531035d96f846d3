import { HubError } from '../../core/errors.ts'
import type { Principal } from '../../core/principal.ts'
import type { Notice } from '../delivery/notices.ts'
import type { Choose, Chosen } from '../subscription-request.ts'
import { type Definition, principalOf } from './definition.ts'

/** Whether a subscription goes on, and as what; or what its callback is told of its end (SEP-3415, section on removal). */
export type Judgement = { kind: 'stands'; principal: Principal; chosen: Chosen } | { kind: 'ended'; notice: Notice }

export interface Judges {
  choose: Choose
  /**
   * Who a principal of earlier is now; `undefined`: nobody any more, or one that leaves nothing behind.
   * @throws HubError `issuer-unavailable` when that cannot be said now
   */
  standing: (principal: Principal) => Promise<Principal | undefined>
}

const REVOKED = 'The credential it was made with is no longer accepted.'
const NARROWED = 'The credential it was made with may no longer read this.'

/** @throws as `Judges.standing` */
export async function judge(definition: Definition, { choose, standing }: Judges): Promise<Judgement> {
  const principal = await standing(principalOf(definition.principal))
  const ended = (name: keyof Definition['numbers'], data: Record<string, unknown>): Judgement => {
    const error = { code: definition.numbers[name], message: name, data }
    return { kind: 'ended', notice: { type: 'terminated', error } }
  }
  if (!principal) return ended('Forbidden', { reason: REVOKED })
  try {
    const chosen = choose(definition.name, definition.arguments, principal.grants)
    if (!chosen) return ended('NotFound', { kind: 'event' })
    const broken = definition.promises.some((promise) => !chosen.promises.includes(promise))
    if (broken) return ended('Unsupported', { feature: 'payloadSchema', reason: 'schema_changed' })
    return { kind: 'stands', principal, chosen }
  } catch (error) {
    if (!(error instanceof HubError)) throw error
    if (error.code === 'forbidden') return ended('Forbidden', { reason: NARROWED })
    return ended('Unsupported', { feature: 'inputSchema', reason: 'schema_changed' })
  }
}
