/** How far cursor `a` is ahead of `b`; NaN when they cannot be compared: another epoch, or no cursor. */
function ahead(a, b) {
  const [epoch, offset] = a.split('.')
  const [otherEpoch, otherOffset] = b.split('.')
  return epoch === otherEpoch ? offset - otherOffset : Number.NaN
}

/**
 * The tabs whose streams are the same: one leads and tells the others what it receives, so that they need no stream.
 *
 * The name of the group is what the hub itself said to *this* tab in `$open`: principal, topics, types. So a tab only ever
 * follows tabs to which the hub said the same, and is handed nothing that is not its own; and since those three decide what
 * a stream delivers, it misses nothing either.
 *
 * A message `[after, at, text]` says: of all positions above `after` up to `at`, this event (or nothing) is all there is.
 * A follower takes what joins on to its own cursor. What does not (a new leader that is further, another epoch, a gap) sends
 * it to the hub with a stream of its own until it can join again.
 *
 * `tab` is one `connect`: its `cursor`, whether its own stream is `live`, `own()` (open one), `follow()` (end it),
 * `take(at, text)`, `wait(detail)`.
 */
export class Tabs {
  following = false
  #leading = false
  #tab
  #name
  #channel
  #leave
  #heard = ''

  constructor(tab) {
    this.#tab = tab
  }

  /** Called by a tab whose own stream is open. */
  join(name) {
    this.#heard = ''
    if (name !== this.#name) this.#enter(name)
    if (this.#leading) this.#tellPlace()
    else this.#channel.postMessage('hi')
  }

  leave() {
    this.#leave?.()
    this.#channel?.close()
    this.#name = undefined
    this.following = this.#leading = false
  }

  /** The own stream went from `after` to `at`. */
  tell(after, at, text) {
    if (this.#leading) this.#channel.postMessage([after, at, text])
    else this.#splice()
  }

  /** `gap`, which the hub has to tell each of them; or why the leader has no stream for now. */
  warn(message) {
    if (this.#leading) this.#channel.postMessage(message)
  }

  own() {
    this.following = false
    this.#heard = ''
    this.#tab.own()
  }

  #enter(name) {
    this.leave()
    this.#name = name
    this.#channel = new BroadcastChannel(name)
    this.#channel.onmessage = ({ data }) => this.#hear(data)
    const leaving = new AbortController()
    const left = new Promise((resolve) => {
      this.#leave = () => {
        leaving.abort()
        resolve()
      }
    })
    const lead = () => {
      if (leaving.signal.aborted) return
      this.#leading = true
      if (this.following) this.own()
      else this.#tellPlace()
      return left
    }
    // The lock passes on when its tab closes, crashes or leaves. Rejected when this one leaves before its turn, and in
    // sandboxed frames, where each has a stream of its own.
    navigator.locks.request(name, { signal: leaving.signal }, lead).catch(() => {})
  }

  #tellPlace() {
    const { live, cursor } = this.#tab
    if (live && cursor) this.tell(cursor, cursor)
  }

  #hear(message) {
    if (this.#leading) {
      if (message === 'hi') this.#tellPlace()
    } else if (message === 'hi') return
    else if (!this.following) {
      this.#heard = Array.isArray(message) ? message[1] : ''
      this.#splice()
    } else if (message === 'gap') this.own()
    else if (Array.isArray(message)) this.#take(...message)
    else this.#tab.wait(message)
  }

  #take(after, at, text) {
    const { cursor } = this.#tab
    const step = ahead(at, cursor)
    if (!(ahead(after, cursor) <= 0) || Number.isNaN(step)) this.own()
    else if (step > 0) this.#tab.take(at, text)
    else this.#tab.take(cursor)
  }

  /** All that the leader has told is here too, so what it tells from now on joins on. */
  #splice() {
    if (!this.#tab.live || !(ahead(this.#tab.cursor, this.#heard) >= 0)) return
    this.following = true
    this.#tab.follow()
  }
}
