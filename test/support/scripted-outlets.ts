import { HubError } from '../../src/core/errors.ts'
import type { OutletAdmin, OutletDetail, OutletState, OutletSummary, Redelivery } from '../../src/webhooks/summary.ts'

/** Outlets that only a test knows of: what is asked of them is in `asked`. */
export class ScriptedOutlets implements OutletAdmin {
  readonly asked: string[] = []
  readonly #outlets = new Map<string, OutletDetail>()

  constructor(...outlets: OutletDetail[]) {
    for (const outlet of outlets) this.#outlets.set(outlet.id, outlet)
  }

  list(): OutletSummary[] {
    return [...this.#outlets.values()].map((outlet) => {
      const { arguments: _, attempts: __, abandonedCursors: ___, ...summary } = outlet
      return summary
    })
  }

  show(id: string): OutletDetail {
    const outlet = this.#outlets.get(id)
    if (outlet) return outlet
    throw new HubError('not-found', 'Nothing is known by this id; look at the list.')
  }

  async disable(id: string): Promise<void> {
    this.#become(id, 'disabled')
  }

  async enable(id: string): Promise<void> {
    this.#become(id, 'active')
  }

  async redeliver(id: string, what: Redelivery): Promise<void> {
    this.show(id)
    this.asked.push(`redeliver ${id} ${JSON.stringify(what)}`)
  }

  #become(id: string, state: OutletState): void {
    this.#outlets.set(id, { ...this.show(id), state })
    this.asked.push(`${state} ${id}`)
  }
}

export function outletDetail(id: string, more: Partial<OutletDetail> = {}): OutletDetail {
  return {
    id,
    kind: id.startsWith('sub_') ? 'webhook' : 'forward',
    state: 'active',
    principal: id.startsWith('sub_') ? 'key:agent' : 'config',
    wants: id.startsWith('sub_') ? 'topic.event' : 'orders/**',
    url: 'https://hooks.example.net/…',
    expires: null,
    cursor: 'abc.7',
    behind: 0,
    waiting: 0,
    delivered: 7,
    abandoned: 0,
    lastDelivery: '2026-11-22T12:00:00.000Z',
    lastError: null,
    failedSince: null,
    arguments: {},
    attempts: [],
    abandonedCursors: [],
    ...more,
  }
}
