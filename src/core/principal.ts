import { ALL_GRANTS, type Grants, NO_GRANTS } from './grants.ts'

/** Who asks, and what they may do. One object for all requests and streams of one credential where that can be. */
export interface Principal {
  /** `local`, `anonymous`, `key:ci`, `sub:alice`: what caps count by and `$open` says. Never a secret. */
  readonly id: string
  readonly grants: Grants
  /** When the credential ends, milliseconds of the wall clock; `undefined`: never. */
  readonly expires: number | undefined
  /** What it was recognised by, without being a secret: a reload finds out with it whether that still counts. */
  readonly credential: string
  /** Whether the limits of one principal count: not for `local` and `anonymous`, which are many people at once. */
  readonly limited: boolean
}

/** Everyone in open mode. */
export const LOCAL: Principal = Object.freeze({
  id: 'local',
  grants: ALL_GRANTS,
  expires: undefined,
  credential: 'open',
  limited: false,
})

/** Whoever shows nothing once credentials exist. */
export function anonymous(grants: Grants = NO_GRANTS): Principal {
  return { id: 'anonymous', grants, expires: undefined, credential: 'none', limited: false }
}
