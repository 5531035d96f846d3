import { hkdfSync } from 'node:crypto'
import type { Access } from '../auth/access.ts'
import type { LoadedConfig } from '../config/load.ts'
import type { Hub } from '../core/hub.ts'
import { systemClock } from '../daemon/clock.ts'
import type { LogLines } from '../daemon/log-lines.ts'
import { chooser } from '../mcp/events/choose.ts'
import type { OfferedTypes } from '../mcp/events/offered-types.ts'
import { openOutlets } from '../storage/open.ts'
import { HttpOutbound } from '../webhooks/outbound/http-outbound.ts'
import { Webhooks } from '../webhooks/webhooks.ts'
import { forwardsOf } from './forwards.ts'

export interface HubWebhooksOptions {
  hub: Hub
  access: Access
  loaded: LoadedConfig
  offeredTypes: () => Promise<OfferedTypes>
  /** 32 bytes. Another one than that of before makes the secrets on disk unreadable, as tickets. */
  ticketSecret: Uint8Array
  lines: LogLines
  report: (error: unknown) => void
}

/** Secrets of webhooks are sealed with a key of their own, made of the one that is there. */
const SEAL = 'mcp-sse webhook secrets'

/** Everything the hub sends by itself. Importing this loads it: see `WebhooksOnDemand`. @throws as `openOutlets`, `forwardsOf` */
export async function hubWebhooks(options: HubWebhooksOptions): Promise<Webhooks> {
  const { hub, access, loaded, offeredTypes, ticketSecret, lines, report } = options
  const { config } = loaded
  const forwards = forwardsOf(loaded)
  const { durability, dataDir: directory } = config
  const store = await openOutlets({ durability, directory, warn: lines.warn })
  return Webhooks.open({
    hub,
    clock: systemClock,
    store,
    outbound: new HttpOutbound(),
    rule: { loopback: config.webhooks.allowLoopback, private: false },
    eventsOnly: new Set(config.webhooks.eventsOnly),
    forwards: forwards.map((plan) => ({ plan, wants: plan.filter.patterns.map(({ text }) => text).join(' ') })),
    sealKey: new Uint8Array(hkdfSync('sha256', ticketSecret, '', SEAL, 32)),
    choose: chooser(await offeredTypes()),
    standing: (principal) => access.standing(principal),
    inquire: () => access.inquire(),
    limits: config.limits,
    warn: lines.warn,
    report,
  })
}
