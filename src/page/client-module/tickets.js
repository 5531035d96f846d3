const PATIENCE_MS = 30_000

/** The ticket that is good now. `ask` is the page's own callback: `{ticket | url, expires}`. */
export class Tickets {
  #ask
  #ticket
  #renewAt

  constructor(ask) {
    this.#ask = ask
  }

  async current() {
    if (!this.#ticket || this.renewIn() <= 0) await this.renew()
    return this.#ticket
  }

  async renew() {
    const late = new Promise((_, reject) => setTimeout(() => reject(new Error('ticket() took too long')), PATIENCE_MS))
    const { ticket, url, expires } = await Promise.race([this.#ask(), late])
    this.#ticket = ticket ?? new URL(url, location.href).searchParams.get('ticket')
    if (!this.#ticket) throw new Error('ticket() gave no ticket')
    const left = new Date(expires) - Date.now()
    // Where the clock here is wrong a new ticket may look old, or `expires` is missing: then the hub says when it ends.
    this.#renewAt = left > 0 ? Date.now() + left * (0.8 + Math.random() / 10) : Number.POSITIVE_INFINITY
  }

  /** Milliseconds until a new one should be asked for; early enough that the old one is never refused. */
  renewIn() {
    return this.#renewAt - Date.now()
  }

  drop() {
    this.#ticket = undefined
  }
}
