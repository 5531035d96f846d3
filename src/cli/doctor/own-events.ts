import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { plain } from '../display.ts'
import { type Answer, fieldsOf, NoAnswer, type Way } from './way.ts'

export interface Published {
  cursor: string
  /** `performance.now()` when the hub had said that it is stored. */
  at: number
}

interface Own {
  id: string
  type: string
  data: string
  credential: 'none' | 'own'
  /** `undefined`: nobody said whether it was stored. */
  cursor: string | undefined
}

/** It was not stored, or nobody can say so. */
export class NotPublished extends Error {
  readonly status: number
  /** `undefined`: it was not the hub that answered. */
  readonly code: string | undefined

  constructor({ status, code, detail }: Pick<Answer, 'status' | 'code' | 'detail'>) {
    super(
      code === undefined
        ? `Publishing was answered with ${status}, and not by the hub.`
        : `Publishing was refused by the hub: ${plain(detail ?? '')} [${code}]`,
    )
    this.name = 'NotPublished'
    this.status = status
    this.code = code
  }
}

/** Asked again it may go well: the hub is away for now, or busy. */
class ForNow extends Error {}

const ERASE_MS = 15_000
const ERASE_ANSWER_MS = 5000
const BETWEEN_MS = 500

/**
 * What this run has published, and nothing else: the topic may have events of others. It alone publishes, each event with
 * an id of this run, and it alone erases, each by its cursor. One whose answer was lost is published once more: the hub
 * answers the same id with the cursor of what it has.
 */
export class OwnEvents {
  /** Of the topic, as a path of a URL has it. */
  readonly path: string
  readonly #way: Way
  readonly #topic: string
  readonly #run = `doctor-${randomBytes(9).toString('base64url')}`
  readonly #own = new Set<Own>()
  readonly #patienceMs: number
  #made = 0

  /** @param patienceMs how long a hub that is away is waited for when it comes to erasing */
  constructor(way: Way, topic: string, patienceMs = ERASE_MS) {
    this.#way = way
    this.#topic = topic
    this.#patienceMs = patienceMs
    this.path = topic.split('/').map(encodeURIComponent).join('/')
  }

  /** @throws NotPublished, NoAnswer */
  async publish(
    data: string,
    { type = 'message', credential = 'own' }: { type?: string; credential?: Own['credential'] } = {},
  ): Promise<Published> {
    const own: Own = { id: `${this.#run}-${++this.#made}`, type, data, credential, cursor: undefined }
    // Before it is sent: without an answer it may have been stored.
    this.#own.add(own)
    const answer = await this.#post(own)
    if (own.cursor !== undefined) return { cursor: own.cursor, at: performance.now() }
    if (isRefusal(answer)) this.#own.delete(own)
    throw new NotPublished(answer)
  }

  /** Takes back what was published, also after an interruption. @returns what is left, as a sentence */
  async erase(mayErase: boolean): Promise<string | undefined> {
    if (this.#own.size === 0) return undefined
    if (!mayErase) return this.#left('the key may not erase.')
    const deadline = performance.now() + this.#patienceMs
    for (;;) {
      try {
        for (const own of this.#own) {
          await this.#eraseOne(own)
          this.#own.delete(own)
        }
        return undefined
      } catch (error) {
        const forNow = error instanceof ForNow || error instanceof NoAnswer
        if (!forNow || performance.now() > deadline) {
          return this.#left(error instanceof Error ? error.message : String(error))
        }
        await delay(BETWEEN_MS)
      }
    }
  }

  async #eraseOne(own: Own): Promise<void> {
    if (own.cursor === undefined) {
      const answer = await this.#post(own, ERASE_ANSWER_MS)
      // A refusal of now says nothing of what was stored then.
      if (own.cursor === undefined) throw failed(answer.status, new NotPublished(answer).message)
    }
    const what = `/events/${own.cursor}`
    const { status, code } = await this.#way.ask(what, {
      method: 'DELETE',
      whateverHappens: true,
      timeoutMs: ERASE_ANSWER_MS,
    })
    if (status === 204 || (status === 404 && code === 'not-found')) return
    const said = `DELETE ${what} was answered with ${status}${code ? ` [${code}]` : ', and not by the hub'}.`
    throw failed(status, said)
  }

  async #post(own: Own, timeoutMs?: number): Promise<Answer> {
    const query = new URLSearchParams({ type: own.type, id: own.id })
    const answer = await this.#way.ask(`/events/${this.path}?${query}`, {
      method: 'POST',
      // One that is on its way would be stored after what is erased at the end.
      whateverHappens: true,
      credential: own.credential,
      headers: { 'content-type': 'text/plain' },
      body: own.data,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    })
    const { cursor } = fieldsOf(answer.text)
    if ((answer.status === 201 || answer.status === 200) && typeof cursor === 'string') own.cursor = cursor
    return answer
  }

  #left(why: string): string {
    const unsure = [...this.#own].some(({ cursor }) => cursor === undefined)
    const events = this.#own.size === 1 ? '1 event' : `${this.#own.size} events`
    const stay = this.#own.size === 1 ? 'stays' : 'stay'
    return `${unsure ? `Up to ${events}` : events} of ${this.#topic} ${stay} until retention takes them: ${why}`
  }
}

/** What the hub refuses before it stores anything, of those whose status is 5xx. */
const BEFORE_STORING: readonly (string | undefined)[] = ['overloaded', 'draining', 'issuer-unavailable', 'disk-full']

/** Nothing was stored, for certain. What a proxy says with 200 or 5xx says nothing of what the hub did. */
function isRefusal({ status, code }: Answer): boolean {
  return status >= 300 && (status < 500 || BEFORE_STORING.includes(code))
}

function failed(status: number, said: string): Error {
  return status >= 500 || status === 429 || status === 200 ? new ForNow(said) : new Error(said)
}
