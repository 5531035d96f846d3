import { type PageRoom, STEP_BYTES } from '../core/history.ts'
import type { Principal } from '../core/principal.ts'
import { Turns } from '../core/turns.ts'
import { ByteRoom, type Holding } from './byte-room.ts'
import { ownHeaders, type SetHeaders } from './own-headers.ts'

/** What one handing-over to the socket is at most. */
const CHUNK_BYTES = 256 * 1024
/** An answer that is being made or written and has nothing yet: the request, its socket, its place in line. */
const ANSWER_BYTES = 4 * 1024
/** What a socket takes at once: its reader may be slow, and the memory is the kernel's. */
const UNCOUNTED_BYTES = 64 * 1024
/** A look-up brings `STEP_BYTES` and one more event at most: 252 KiB, its id and its topic. */
const LOOK_BYTES = STEP_BYTES + 256 * 1024
/**
 * Look-ups for answers at one time. The log carries them out one after another, and what it has found and this thread has
 * not yet taken is memory too.
 */
const LOOKS = 8

/** Where what one answer comes to is counted while it is made. */
export interface AnswerRoom extends PageRoom {
  /** `bytes` in all. @throws HubError `overloaded` */
  hold(bytes: number): void
}

/** A request, and who made it. */
export interface Asking {
  request: Request
  principal: Principal
  set: SetHeaders
}

/**
 * Memory for the answers that can be large, all together and of one principal: from before the log is read until the
 * socket has taken them. A client that asks and does not read holds its part until the socket's idle timeout.
 */
export class Answers {
  readonly #room: ByteRoom
  readonly #looks = new Turns(LOOKS)

  constructor(bytes: number) {
    this.#room = new ByteRoom({ bytes, what: 'answers are being read' })
  }

  /** Bytes that are held now. */
  get held(): number {
    return this.#room.held
  }

  /** What `make` makes, or throws. @throws HubError `overloaded` */
  async answer({ request, principal, set }: Asking, make: (room: AnswerRoom) => Promise<string>): Promise<Response> {
    const holding = this.#room.holding(principal)
    try {
      holding.resize(ANSWER_BYTES)
      const json = await make(this.#pageRoom(holding))
      holding.resize(ANSWER_BYTES + Buffer.byteLength(json))
      return new Response(new Answer(new TextEncoder().encode(json), holding, request) as unknown as BodyInit, {
        headers: headersOf(set),
      })
    } catch (error) {
      holding.release()
      throw error
    }
  }

  /**
   * The same memory for what is read into an answer that another protocol sends; `release` may be called twice.
   * @throws HubError `overloaded`
   */
  reading(principal: Principal): { room: PageRoom; release(): void } {
    const holding = this.#room.holding(principal)
    holding.resize(ANSWER_BYTES)
    return { room: this.#pageRoom(holding), release: () => holding.release() }
  }

  /**
   * An answer that another protocol made, which holds its part of the memory until the socket has taken it. What fits the
   * socket's own buffers is not counted. @throws HubError `overloaded`
   */
  untilTaken(response: Response, asking: Pick<Asking, 'request' | 'principal'>): Response | Promise<Response> {
    const length = response.headers.get('content-length')
    // Read and written again, a short answer of MCP cost 4 µs more of a hundred.
    return length !== null && Number(length) <= UNCOUNTED_BYTES ? response : this.#counted(response, asking)
  }

  async #counted(response: Response, { request, principal }: Pick<Asking, 'request' | 'principal'>): Promise<Response> {
    const { status, headers } = response
    const bytes = await response.bytes()
    if (bytes.byteLength <= UNCOUNTED_BYTES) return new Response(bytes, { status, headers })
    const holding = this.#room.holding(principal)
    holding.resize(ANSWER_BYTES + bytes.byteLength)
    // It goes in chunks, which say their lengths themselves (RFC 9112, 6.2: never both).
    headers.delete('content-length')
    return new Response(new Answer(bytes, holding, request) as unknown as BodyInit, { status, headers })
  }

  #pageRoom(holding: Holding): AnswerRoom {
    return {
      hold: (bytes) => holding.resize(ANSWER_BYTES + bytes),
      step: (bytes, look) => {
        holding.resize(ANSWER_BYTES + bytes)
        return this.#looks.take(() => {
          holding.resize(ANSWER_BYTES + bytes + LOOK_BYTES)
          return look()
        })
      },
    }
  }
}

type Step = IteratorResult<Uint8Array, void>

const END: Step = Object.freeze({ done: true, value: undefined })

/**
 * The body of one answer. The server asks for the next chunk when the socket took the last one, and calls `return` when
 * the client is gone; of one that goes before the first chunk was asked for, only the request's signal tells.
 */
class Answer implements AsyncIterableIterator<Uint8Array, void, void>, EventListenerObject {
  #rest: Uint8Array | undefined
  readonly #holding: Holding

  constructor(bytes: Uint8Array, holding: Holding, { signal }: Request) {
    this.#rest = bytes
    this.#holding = holding
    signal.addEventListener('abort', this, { once: true })
    if (signal.aborted) this.handleEvent()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<Step> {
    const rest = this.#rest
    if (rest === undefined || rest.byteLength === 0) return this.return()
    this.#rest = rest.subarray(CHUNK_BYTES)
    return Promise.resolve({ done: false, value: rest.subarray(0, CHUNK_BYTES) })
  }

  return(): Promise<Step> {
    this.handleEvent()
    return Promise.resolve(END)
  }

  handleEvent(): void {
    this.#rest = undefined
    this.#holding.release()
  }
}

function headersOf(set: SetHeaders): Record<string, string> {
  return { ...ownHeaders(set), 'content-type': 'application/json', 'cache-control': 'no-store' }
}
