import type { CloseReason } from '../core/close-reason.ts'
import type { ErrorCode } from '../core/errors.ts'
import { Repeats } from '../core/repeats.ts'
import { CredentialError } from './credential-error.ts'

export interface Refusal {
  /** Of a stream that is told to come back: why. MCP's own refusals have numbers that are not ours: the status. */
  code: ErrorCode | CloseReason | `http-${number}`
  /** Which check failed, of a closed list; none where the code says it. */
  check: string | undefined
  /** As it is registered, never as it was asked: `POST /events/*`, `GET (no route)`. */
  route: string
  /** The principal's id, where it is known. */
  principal: string | undefined
  /** The client's address; '' for this machine. Asked for a line only: a flood of refusals writes few. */
  address: () => string
  /** The id of the request, as its answer has it. */
  request: string
}

type WriteRefusal = (line: string, fields: Readonly<Record<string, string | number | undefined>>) => void

/** Where refusals are written down. */
export interface RefusalLines {
  /** What an operator should know of: a first one of its kind, and then how many came since. */
  notable: WriteRefusal
  /** Every other one, while somebody wants to see them. */
  each: WriteRefusal
  wantsEach: () => boolean
}

/**
 * What the operator reads about refused requests: "401, why?". Never anything of a header or a query, which may hold a
 * secret. As many counters as there are codes and checks, and both are closed lists.
 */
export class Refusals {
  readonly #lines: RefusalLines
  readonly #repeats: Repeats<string>

  /** `now` gives monotonic milliseconds. */
  constructor(lines: RefusalLines, now: () => number) {
    this.#lines = lines
    this.#repeats = new Repeats(now)
  }

  /** One that says something about credentials, rights or limits. */
  note(refusal: Refusal): void {
    const more = this.#repeats.leftOut(nameOf(refusal))
    if (more === undefined) this.detail(refusal)
    else this.#write(this.#lines.notable, refusal, more)
  }

  /** Any other: the request was wrong, which is for the client to know. */
  detail(refusal: Refusal): void {
    if (this.#lines.wantsEach()) this.#write(this.#lines.each, refusal, 0)
  }

  #write(write: WriteRefusal, refusal: Refusal, more: number): void {
    const { code, check, route, principal, request } = refusal
    const from = refusal.address()
    const who = `${principal === undefined ? '' : ` by ${principal}`}${from === '' ? '' : ` from ${from}`}`
    const others = more > 0 ? `, and ${more} like it since the last line` : ''
    write(`refused ${nameOf(refusal)}: ${route}${who}${others}`, {
      about: 'refusal',
      code,
      check,
      route,
      principal,
      address: from === '' ? undefined : from,
      more: more > 0 ? more : undefined,
      request,
    })
  }
}

function nameOf({ code, check }: Refusal): string {
  return check === undefined ? code : `${code} (${check})`
}

/** Which check of a credential failed, as `CredentialError` names it. */
export function checkOf(error: unknown): string | undefined {
  return error instanceof CredentialError ? error.check : undefined
}
