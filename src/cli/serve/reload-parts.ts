import type { Access } from '../../auth/access.ts'
import type { PublishRate } from '../../auth/publish-rate.ts'
import type { LoadedConfig } from '../../config/load.ts'
import type { Hub } from '../../core/hub.ts'
import type { LogLines } from '../../daemon/log-lines.ts'
import type { ServerLog } from '../../daemon/server-log.ts'
import type { Listeners } from '../../http/listen.ts'
import type { McpOnDemand } from '../../mcp/on-demand.ts'
import type { WebhooksOnDemand } from '../../webhooks/on-demand.ts'
import { accessSettings, namingSource } from './access-settings.ts'
import { eventTypesOf } from './event-types.ts'
import type { FirstKey } from './first-key.ts'
import type { HubCertificate } from './hub-certificate.ts'
import type { LiveSettings } from './live-settings.ts'
import type { ReloadOptions } from './reload.ts'
import type { RetentionChange } from './retention-change.ts'

/** One part of a running hub that takes over what was read. */
export interface ReloadPart {
  /**
   * All that may be refused, and nothing that anybody sees.
   * @param closed as in `ReloadOptions.apply`
   * @returns what makes it count. What it does at once does not throw; what it resolves to is the rest of the work, with
   * what there is to be said of it besides the names of settings
   */
  prepare(next: LoadedConfig, closed: boolean): MakeCount | Promise<MakeCount>
}

type MakeCount = (() => void) | (() => Promise<void>) | (() => Promise<string | undefined>)

const nothing: MakeCount = () => {}

export interface ReloadedHub {
  live: LiveSettings
  retention: RetentionChange
  hub: Hub
  access: Access
  publishRate: PublishRate
  mcp: McpOnDemand
  webhooks: WebhooksOnDemand
  ticketSecret: Uint8Array
  firstKey: FirstKey
  certificate: HubCertificate
  listeners: Listeners
  serverLog: Pick<ServerLog, 'set' | 'lines'>
}

/** In the order in which they count. The last one writes to the disk before it knows that it may. */
export function reloadParts(hub: ReloadedHub): ReloadPart[] {
  const parts = [eventTypes, certificate, settings, access, publishing, retention, forwards]
  return parts.map((part) => part(hub))
}

/**
 * What `Reload` applies with: wholly or not at all. The result throws what the preparation of a part throws; nothing has
 * changed then.
 */
export function applying(parts: readonly ReloadPart[], report: (error: unknown) => void): ReloadOptions['apply'] {
  return async (next, closed) => {
    const makeCount: MakeCount[] = []
    for (const part of parts) makeCount.push(await part.prepare(next, closed))
    // One turn for all of them. What comes after it can fail, and takes nothing back.
    const rest = await Promise.allSettled(makeCount.map(async (make) => make()))
    for (const result of rest) if (result.status === 'rejected') report(result.reason)
    return rest.flatMap((result) => (result.status === 'fulfilled' && result.value ? [result.value] : []))
  }
}

/** Only a start takes them over, and what it would refuse is refused here. */
function eventTypes({ live }: ReloadedHub): ReloadPart {
  return {
    async prepare(next) {
      if (!Bun.deepEquals(next.config.eventTypes, live.config.eventTypes)) await eventTypesOf(next)
      return nothing
    },
  }
}

function certificate({ certificate: shown, listeners }: ReloadedHub): ReloadPart {
  return {
    async prepare(next) {
      const renew = await shown.next(next)
      return () => renew(listeners)
    },
  }
}

function settings({ live, serverLog }: ReloadedHub): ReloadPart {
  return {
    prepare: (next) => () => {
      const before = live.config.webhooks.allowLoopback
      live.replace(next)
      serverLog.set(next.config)
      if (!before) warnOfLoopback(live, serverLog.lines)
    },
  }
}

export function warnOfLoopback({ config }: LiveSettings, lines: LogLines): void {
  if (!config.webhooks.allowLoopback) return
  lines.warn(
    'webhooks.allow_loopback is on: whoever may subscribe can have this hub POST to programs of this machine. For development only.',
  )
}

function access({ live, hub, access: doors, mcp, webhooks, ticketSecret, firstKey }: ReloadedHub): ReloadPart {
  return {
    async prepare(next, closed) {
      // In the directory of the start, whose lock is held.
      const { dataDir, durability } = live.config
      const circumstances = { closed, firstKey: await firstKey.of({ ...next.config, dataDir, durability }) }
      const open = namingSource(next, () => doors.prepare(accessSettings(next.config, ticketSecret, circumstances)))
      return async () => {
        open()
        const judge = doors.judge.bind(doors)
        await hub.reconsider(judge)
        await mcp.reconsider(judge)
        await (await webhooks.begun())?.reconsider()
      }
    },
  }
}

function publishing({ live, publishRate }: ReloadedHub): ReloadPart {
  return {
    prepare: (next) => {
      const perSecond = next.config.limits.publishRate
      const same = perSecond === live.config.limits.publishRate
      return same ? nothing : () => publishRate.replace(perSecond)
    },
  }
}

function retention({ retention: limits }: ReloadedHub): ReloadPart {
  return { prepare: (next) => () => limits.change(next.config.retention) }
}

function forwards({ live, webhooks }: ReloadedHub): ReloadPart {
  return {
    async prepare(next) {
      if (Bun.deepEquals(next.config.forwards, live.config.forwards)) return nothing
      const { forwardsOf } = await import('./forwards.ts')
      const wanted = forwardsOf(next)
      // The first ones: what sends them is loaded now.
      const running = wanted.length > 0 ? await webhooks.get() : await webhooks.begun()
      return (await running?.prepareForwards(wanted)) ?? nothing
    },
  }
}
