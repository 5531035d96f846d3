import type { Clock } from '../../src/core/clock.ts'
import type { CheckedEventType } from '../../src/core/event-types.ts'
import type { OutletStore } from '../../src/core/outlet-store.ts'
import { LOCAL, type Principal } from '../../src/core/principal.ts'
import { systemClock } from '../../src/daemon/clock.ts'
import { chooser } from '../../src/mcp/events/choose.ts'
import { OfferedTypes } from '../../src/mcp/events/offered-types.ts'
import { openOutlets } from '../../src/storage/open.ts'
import type { GrantedSubscription, SubscriptionRequest } from '../../src/webhooks/subscription-request.ts'
import { Webhooks, type WebhooksOptions } from '../../src/webhooks/webhooks.ts'
import { draftOf } from './draft.ts'
import { openedHub, type Retention } from './hub.ts'
import { PatientOutbound } from './patient-outbound.ts'
import { secret } from './secrets.ts'

export interface WebhookHubOptions extends Partial<Omit<WebhooksOptions, 'hub' | 'clock' | 'store'>> {
  /** In place of the store, with it in hand: a disk that is slow or full. */
  storeOf?: (store: OutletStore) => OutletStore
  clock?: Clock
  /** On disk; in memory without one. */
  directory?: string
  retention?: Retention
  eventTypes?: readonly CheckedEventType[]
}

export const SKETCH = { NotFound: -32011, Forbidden: -32012, Unsupported: -32014 }

/** `whsec_…` of 32 bytes, searched for everywhere. */
export function webhookSecretText(): string {
  return secret('a webhook secret', 'whsec_').replaceAll('-', '+').replaceAll('_', '/').replace('whsec/', 'whsec_')
}

/** A hub with its log, its outlets and what sends, all real; time may stand still. */
export async function webhookHub(options: WebhookHubOptions = {}) {
  const { clock = systemClock, directory, retention, eventTypes = [], storeOf = (store) => store, ...rest } = options
  const opened = await openedHub({ clock, directory, retention })
  const durability = directory === undefined ? 'memory' : 'full'
  /** Events that are looked up for another attempt. */
  let reading = 0
  const at = opened.log.at.bind(opened.log)
  opened.log.at = async (offset) => {
    reading++
    try {
      return await at(offset)
    } finally {
      reading--
    }
  }
  const warnings: string[] = []
  const reports: unknown[] = []
  const store = await openOutlets({ durability, directory: directory ?? '', warn: (line) => void warnings.push(line) })
  const outbound = new PatientOutbound()
  const webhooks = await Webhooks.open({
    hub: opened.hub,
    clock,
    store: storeOf(store),
    outbound,
    rule: { loopback: true, private: false },
    eventsOnly: new Set(),
    forwards: [],
    sealKey: new Uint8Array(32).fill(7),
    choose: chooser(new OfferedTypes(eventTypes)),
    standing: (principal) => principal,
    inquire: async () => {},
    limits: { webhooks: 1000, webhooksPerPrincipal: 100 },
    warn: (line) => void warnings.push(line),
    report: (error) => void reports.push(error),
    ...rest,
  })
  const { hub } = opened
  return {
    hub,
    log: opened.log,
    webhooks,
    warnings,
    reports,
    /** POSTs that have not ended, notices and challenges too. */
    get sending() {
      return outbound.underWay
    },
    /**
     * Resolves when nothing is sent and nothing is about to be: what there is waits for its time. For clocks that stand
     * still: whoever moves one only then measures no slow machine.
     */
    async idle(): Promise<void> {
      for (let turns = 0; turns < 5; turns++) {
        await Bun.sleep(0)
        if (outbound.underWay === 0 && reading === 0) continue
        await Bun.sleep(1)
        turns = -1
      }
    },
    async publish(topic: string, ...data: unknown[]) {
      return hub.publish(data.map((each) => draftOf(topic, JSON.stringify(each))))
    },
    subscribe(url: string, request: Partial<SubscriptionRequest> = {}): Promise<GrantedSubscription> {
      return webhooks.subscribe({
        principal: LOCAL as Principal,
        url,
        secret: webhookSecretText(),
        name: 'topic.event',
        arguments: { topic: '**' },
        cursor: null,
        maxAgeMs: undefined,
        ttlMs: undefined,
        numbers: SKETCH,
        signal: new AbortController().signal,
        ...request,
      })
    },
    async close() {
      await hub.drain()
      await webhooks.stop(15_000)
      await opened.close()
    },
  }
}

export type WebhookHub = Awaited<ReturnType<typeof webhookHub>>
