import type { ErrorCode } from '../core/errors.ts'
import { CredentialError } from './credential-error.ts'

/** One line a code and check in this time. */
const QUIET_MS = 10_000

export interface Refusal {
  code: ErrorCode
  /** Which check failed, of a closed list; none where the code says it. */
  check: string | undefined
  /** As it is registered, never as it was asked: `POST /events/*`, `GET (no route)`. */
  route: string
  /** The principal's id, where it is known. */
  principal: string | undefined
  /** The client's address; '' for this machine. Asked for a line only: a flood of refusals writes few. */
  address: () => string
}

interface Told {
  at: number
  since: number
}

/**
 * What the operator reads about refused requests: "401, why?". Never anything of a header or a query, which may hold a
 * secret. As many counters as there are codes and checks, and both are closed lists.
 */
export class Refusals {
  readonly #write: (line: string) => void
  readonly #now: () => number
  readonly #told = new Map<string, Told>()

  /** `write` gets lines for the log, `now` gives monotonic milliseconds. */
  constructor(write: (line: string) => void, now: () => number) {
    this.#write = write
    this.#now = now
  }

  note({ code, check, route, principal, address }: Refusal): void {
    const what = check === undefined ? code : `${code} (${check})`
    const now = this.#now()
    const told = this.#told.get(what)
    if (told && now - told.at < QUIET_MS) {
      told.since++
      return
    }
    this.#told.set(what, { at: now, since: 0 })
    const from = address()
    const who = `${principal === undefined ? '' : ` by ${principal}`}${from === '' ? '' : ` from ${from}`}`
    const more = told && told.since > 0 ? `, and ${told.since} like it since the last line` : ''
    this.#write(`refused ${what}: ${route}${who}${more}`)
  }
}

/** Which check of a credential failed, as `CredentialError` names it. */
export function checkOf(error: unknown): string | undefined {
  return error instanceof CredentialError ? error.check : undefined
}
