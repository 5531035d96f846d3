import type { Clock } from '../../core/clock.ts'
import { HubError } from '../../core/errors.ts'
import type { Hub } from '../../core/hub.ts'
import type { OutletStore } from '../../core/outlet-store.ts'
import type { Principal } from '../../core/principal.ts'
import { newProgress, type Progress } from '../delivery/progress.ts'
import { sealSecret } from '../secret/sealed-secret.ts'
import type { Chosen, SubscriptionRequest } from '../subscription-request.ts'
import { type Beginning, beginningOf } from './beginning.ts'
import { type Definition, storedPrincipal } from './definition.ts'
import type { Judges } from './judgement.ts'
import { endOf } from './lifetime.ts'
import type { Keys } from './webhook-plan.ts'

/** A subscription as it was asked for, by what its principal may do, before it is written down. */
export interface Prepared {
  definition: Definition
  keys: Keys
  chosen: Chosen
  start: Beginning
  /** Of one that is new. */
  progress: Progress
}

export interface PreparedOptions extends Judges {
  hub: Pick<Hub, 'cursor' | 'log'>
  clock: Pick<Clock, 'now'>
  store: Pick<OutletStore, 'durable'>
  /** 32 bytes, for secrets on disk. */
  sealKey: Uint8Array
  keys: Keys
}

/** Both secrets sign for so long after one was replaced: receivers take it over when they get to it. */
const ROTATION_MS = 300_000
/** While keys of an issuer are missing it is asked so often (see `FIRST_FETCH_COOLDOWN_MS`). */
const ISSUER_RETRY_MS = 2000

/** @throws HubError `forbidden`, `not-found`, `issuer-unavailable`, and as `Choose` */
export async function prepare(
  id: string,
  request: SubscriptionRequest,
  { keys, ...options }: PreparedOptions,
): Promise<Prepared> {
  const { clock, store, sealKey, choose } = options
  const { url, name, arguments: args, numbers } = request
  const principal = await standingOf(request.principal, options)
  const chosen = choose(name, args, principal.grants)
  if (!chosen) throw new HubError('not-found', 'There is no event type with this name any more.')
  const start = await beginningOf(request, chosen.filter, options)
  const { previous } = keys
  const definition: Definition = {
    principal: storedPrincipal(principal),
    url,
    name,
    arguments: { ...args },
    secret: sealSecret(keys.key, sealKey, id),
    previous: previous ? { secret: sealSecret(previous.key, sealKey, id), until: previous.until } : null,
    expires: endOf(request.ttlMs, clock.now(), { expires: principal.expires, durable: store.durable }),
    numbers,
    promises: [...chosen.promises],
  }
  return { definition, keys, chosen, start, progress: newProgress(start.cursor) }
}

/** Whether it would be prepared for the same principal at this moment. */
export function isStill(principal: Principal, definition: Definition, { standing }: Pick<Judges, 'standing'>): boolean {
  const now = standing(principal)
  return typeof now === 'object' && Bun.deepEquals(storedPrincipal(now), definition.principal)
}

/** @param now milliseconds of the wall clock */
export function keysAfter(before: Keys | undefined, key: Uint8Array, now: number): Keys {
  if (!before) return { key, previous: undefined }
  if (Buffer.from(key).equals(before.key)) return before
  return { key, previous: { key: before.key, until: now + ROTATION_MS } }
}

async function standingOf(principal: Principal, { standing, inquire }: Judges): Promise<Principal> {
  let found = standing(principal)
  if (found === 'unknown') {
    await inquire()
    found = standing(principal)
  }
  if (found === 'nobody') throw new HubError('forbidden', 'This credential counts no more; ask with another one.')
  if (found !== 'unknown') return found
  const sentence = 'Whether this credential still counts cannot be known now; ask again in a moment.'
  throw new HubError('issuer-unavailable', sentence, { retryAfterMs: ISSUER_RETRY_MS })
}
