import { hkdfSync } from 'node:crypto'
import type { Access } from '../../auth/access.ts'
import type { Hub } from '../../core/hub.ts'
import { systemClock } from '../../daemon/clock.ts'
import type { LogLines } from '../../daemon/log-lines.ts'
import { chooser } from '../../mcp/events/choose.ts'
import type { OfferedTypes } from '../../mcp/events/offered-types.ts'
import { openOutlets } from '../../storage/open.ts'
import { HttpOutbound } from '../../webhooks/outbound/http-outbound.ts'
import { Webhooks } from '../../webhooks/webhooks.ts'
import { forwardsOf } from './forwards.ts'
import type { LiveSettings } from './live-settings.ts'

export interface HubWebhooksOptions {
  hub: Hub
  access: Access
  live: LiveSettings
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
  const { hub, access, live, offeredTypes, ticketSecret, lines, report } = options
  const forwards = forwardsOf(live.read)
  const { durability, dataDir: directory } = live.config
  const store = await openOutlets({ durability, directory, warn: lines.warn })
  return Webhooks.open({
    hub,
    clock: systemClock,
    store,
    outbound: new HttpOutbound(),
    rule: live.callbacks,
    eventsOnly: live.eventsOnly,
    forwards,
    sealKey: new Uint8Array(hkdfSync('sha256', ticketSecret, '', SEAL, 32)),
    choose: chooser(await offeredTypes()),
    standing: (principal) => access.standing(principal),
    inquire: () => access.inquire(),
    limits: live.webhooks,
    warn: lines.warn,
    report,
  })
}
