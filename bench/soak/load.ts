import { Agents } from './agents.ts'
import { Callers } from './callers.ts'
import { Churn, streamRequest } from './churn.ts'
import type { SoakedHub } from './hub.ts'
import type { Ledger } from './ledger.ts'
import { GROUPS, Publisher } from './publisher.ts'
import { SlowReader } from './slow-reader.ts'
import { SteadyReader } from './steady-reader.ts'

export const STEADY = 300
export const SLOW = 20
export const CHURN_PER_SECOND = 20
const AGENTS_PER_SECOND = 2

const group = () => Math.floor(Math.random() * GROUPS)

/** Everything that meets the hub and the floor: the steady readers and the publisher all the time, the others in between. */
export class Load {
  readonly publisher: Publisher
  readonly steady: readonly SteadyReader[]
  readonly #floorSteady: readonly SteadyReader[]
  readonly #coming: readonly { start(): void; stop(): void }[]
  readonly #hub: SoakedHub
  readonly #floorPort: number
  #slow: SlowReader[] = []

  constructor(hub: SoakedHub, floorPort: number, ledger: Ledger) {
    this.#hub = hub
    this.#floorPort = floorPort
    const { url, port, authorization } = hub
    const headers = { authorization }
    this.publisher = new Publisher({ url, headers, ledger })
    this.steady = steadyReaders((index) => ({
      port,
      path: `/events/soak/${index % GROUPS}/*`,
      authorization,
      ledger,
      check: 'book',
    }))
    this.#floorSteady = steadyReaders((index) => ({
      port: floorPort,
      path: `/${index % GROUPS}`,
      authorization,
      ledger,
      check: 'none',
    }))
    const callers = new Callers({ url, headers, ledger })
    const request = () => hubRequest(hub, callers.ticket)
    const perSecond = CHURN_PER_SECOND
    this.#coming = [
      callers,
      new Agents({ port, headers, perSecond: AGENTS_PER_SECOND, ledger }),
      new Churn({ port, perSecond, request, ledger, name: 'connections that came and went' }),
      new Churn({ port: floorPort, perSecond, request: floorRequest, ledger, name: 'the same at the floor' }),
    ]
  }

  /** Every steady reader has a connection. */
  get together(): boolean {
    return [...this.steady, ...this.#floorSteady].every(({ apart }) => !apart)
  }

  come(): void {
    for (const part of this.#coming) part.start()
    const { authorization } = this.#hub
    this.#slow = [
      ...Array.from({ length: SLOW }, () => new SlowReader({ port: this.#hub.port, path: '/events', authorization })),
      ...Array.from({ length: SLOW }, () => new SlowReader({ port: this.#floorPort, path: '/', authorization })),
    ]
  }

  go(): void {
    for (const part of this.#coming) part.stop()
    for (const reader of this.#slow) reader.stop()
    this.#slow = []
  }

  /** After the publisher's last event: those that were not given it, once they had time to be. */
  async behind(withinMs: number): Promise<number> {
    const deadline = performance.now() + withinMs
    for (;;) {
      const behind = this.steady.filter((reader, index) => reader.number !== this.publisher.numbers[index % GROUPS])
      if (behind.length === 0 || performance.now() > deadline) return behind.length
      await Bun.sleep(100)
    }
  }

  stop(): void {
    this.go()
    for (const reader of [...this.steady, ...this.#floorSteady]) reader.stop()
  }
}

function steadyReaders(options: (index: number) => ConstructorParameters<typeof SteadyReader>[0]): SteadyReader[] {
  return Array.from({ length: STEADY }, (_, index) => new SteadyReader(options(index)))
}

/** What people ask for, and what they ask for by mistake. */
function hubRequest({ authorization, visitorAuthorization }: SoakedHub, ticket: string): string {
  const requests = [
    () => streamRequest(`/events/soak/${group()}/*`, { authorization }),
    () => streamRequest('/events?last=20', { authorization }),
    () => streamRequest(`/events/soak/${group()}/**?since=earliest`, { authorization }),
    () => streamRequest('/events?since=earliest', { authorization }),
    () => streamRequest('/events?since=30s&type=tick&envelope=1', { authorization }),
    () => streamRequest('/events?format=ndjson', { authorization }),
    () => streamRequest('/events?last_event_id=00000000.17', { authorization }),
    () => streamRequest(`/events?ticket=${ticket}`),
    () => streamRequest(`/events/soak/${group()}/1`, { authorization: visitorAuthorization }),
    () => streamRequest('/events/soak/1/*', { authorization: 'Bearer nobody-has-this-key' }),
    () => streamRequest('/events/**/not/a/pattern', { authorization }),
  ]
  return requests[Math.floor(Math.random() * requests.length)]!()
}

function floorRequest(): string {
  return streamRequest(Math.random() < 0.3 ? '/' : `/${group()}`)
}
