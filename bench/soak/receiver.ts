const FAILING_EVERY_MS = 60_000
const FAILING_MS = 5_000

/** Where the hub forwards one group to: it is down for five seconds of every minute, and slow or rude now and then. */
export class Receiver {
  /** Numbers that were taken. */
  readonly taken = new Set<number>()
  posts = 0
  refused = 0
  again = 0
  readonly #server: Bun.Server<undefined>
  readonly #begun = performance.now()
  /** Takes everything from now on. */
  kind = false

  constructor() {
    this.#server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      development: false,
      fetch: (request) => this.#receive(request),
    })
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.port}/`
  }

  async stop(): Promise<void> {
    await this.#server.stop(true)
  }

  async #receive(request: Request): Promise<Response> {
    this.posts++
    const event = (await request.json()) as { data: { n: number } }
    if (!this.kind) {
      if ((performance.now() - this.#begun) % FAILING_EVERY_MS > FAILING_EVERY_MS - FAILING_MS) return this.#refuse(503)
      const luck = Math.random()
      if (luck < 0.01) return this.#refuse(500)
      if (luck < 0.02) await Bun.sleep(1_000)
    }
    if (this.taken.has(event.data.n)) this.again++
    this.taken.add(event.data.n)
    return new Response(null, { status: 204 })
  }

  #refuse(status: number): Response {
    this.refused++
    return new Response(null, { status })
  }
}
