import { Access } from '../../auth/access.ts'
import { descriptorLimit } from '../../config/descriptors.ts'
import { isLoopback } from '../../config/host.ts'
import type { LoadedConfig } from '../../config/load.ts'
import type { ClosedStream } from '../../core/closed-stream.ts'
import type { EventLog } from '../../core/event-log.ts'
import { Hub } from '../../core/hub.ts'
import { systemClock } from '../../daemon/clock.ts'
import { closedFields, closedLine } from '../../daemon/closed-line.ts'
import { watchDescriptors } from '../../daemon/descriptor-watch.ts'
import { reportTo } from '../../daemon/failure-report.ts'
import type { LogLines } from '../../daemon/log-lines.ts'
import { onReloadSignal } from '../../daemon/reload-signal.ts'
import { ServiceManager } from '../../daemon/service-manager.ts'
import { StopSignal } from '../../daemon/stop-signal.ts'
import { temporaryTicketKey, ticketKey } from '../../daemon/ticket-key.ts'
import { watch } from '../../daemon/watchdog.ts'
import { type Listeners, listen } from '../../http/listen.ts'
import type { McpOnDemand } from '../../mcp/on-demand.ts'
import { openLog, outletsExist } from '../../storage/open.ts'
import { WebhooksOnDemand } from '../../webhooks/on-demand.ts'
import { DONE, IO_ERROR } from '../exit.ts'
import type { Io } from '../io.ts'
import { accessSettings, namingSource } from './access-settings.ts'
import { eventTypesOf } from './event-types.ts'
import { FirstKey } from './first-key.ts'
import { HubCertificate } from './hub-certificate.ts'
import { hubLog, leave } from './hub-log.ts'
import type { HubWebhooksOptions } from './hub-webhooks.ts'
import { LiveSettings } from './live-settings.ts'
import { offeredTypesOf } from './offered-types.ts'
import { Reload, type ReloadOptions } from './reload.ts'
import { applying, reloadParts, warnOfLoopback } from './reload-parts.ts'
import { RetentionChange } from './retention-change.ts'
import { serverOf } from './server.ts'
import { shutDown } from './shutdown.ts'
import { greet, welcome } from './welcome.ts'

/**
 * Composes the hub and runs it until it is told to stop. @param load reads the configuration again, as `Reload` says
 * Ends the process once everything is closed; a start that fails throws.
 */
export async function serve(loaded: LoadedConfig, load: ReloadOptions['load'], io: Io): Promise<never> {
  const { config, warnings } = loaded
  const stop = new StopSignal()
  const managed = Promise.withResolvers<ServiceManager>()
  const reload = Promise.withResolvers<() => Promise<void>>()
  // Before anything slow, as without a listener the signal ends the process; what comes too early waits.
  const endReloads = onReloadSignal({
    reload: async () => {
      const [manager, run] = await Promise.all([managed.promise, reload.promise])
      await manager.during(run)
    },
    hangUp: () => stop.fail(),
  })
  const serverLog = hubLog(config, io)
  const { lines } = serverLog
  for (const warning of warnings) lines.warn(warning)
  const manager = await ServiceManager.open({ env: io.env, pid: process.pid, warn: lines.warn })
  managed.resolve(manager)
  const eventTypes = await eventTypesOf(loaded)
  const live = new LiveSettings(loaded)
  const certificate = await HubCertificate.of(loaded, { env: io.env, clock: systemClock, lines })
  manager.status('opening the event log')
  const log = await openLog({
    durability: config.durability,
    directory: config.dataDir,
    retention: config.retention,
    pending: live.pending,
    clock: systemClock,
    warn: lines.warn,
  })
  let listeners: Listeners | undefined
  let hub: Hub | undefined
  let mcp: McpOnDemand | undefined
  let webhooks: WebhooksOnDemand | undefined
  let retention: RetentionChange | undefined
  let unwatch: (() => void) | undefined
  let unwatchDescriptors: (() => void) | undefined
  let exitCode = DONE
  const failed = Promise.withResolvers<void>()
  log.onFailure((error) => {
    lines.error(`${error.message} The hub stops; what was acknowledged was written before.`)
    // Also when it fails while it is being stopped: publishes in flight were refused.
    exitCode = IO_ERROR
    failed.resolve()
    stop.fail()
  })
  try {
    const report = reportTo(lines, systemClock.monotonic)
    const ticketSecret = config.durability === 'memory' ? temporaryTicketKey() : ticketKey(config.dataDir, lines.warn)
    const firstKey = new FirstKey(io.stdout)
    const made = await firstKey.of(config)
    const settings = accessSettings(config, ticketSecret, { firstKey: made })
    const access = namingSource(loaded, () => new Access(settings, { now: systemClock.now, report }))
    const check = eventTypes.check.bind(eventTypes)
    const closed = (stream: ClosedStream) => {
      if (lines.wants('info')) lines.info(closedLine(stream), closedFields(stream))
    }
    hub = await Hub.open({ log, clock: systemClock, limits: live.hub, report, check, closed })
    const parts = { live, access, hub, ticketSecret, firstKey, serverLog, lines }
    const offeredTypes = offeredTypesOf(eventTypes)
    webhooks = webhooksOf({ ...parts, offeredTypes, report })
    if (hasWebhooks(config)) await webhooks.get()
    const server = serverOf({ ...parts, offeredTypes, webhooks, certificate, report })
    mcp = server.mcp
    listeners = await listen({
      app: server.app,
      hosts: config.hosts,
      port: config.port,
      tls: certificate.shown,
      onMissing: (host) =>
        lines[isLoopback(host) ? 'info' : 'warn'](`this machine has no ${host}; listening without it.`),
    })
    retention = new RetentionChange({ log, limits: config.retention, clock: systemClock, lines, report })
    const reloaded = reloadParts({ ...parts, ...server, retention, webhooks, certificate, listeners })
    const reloads = new Reload({ loaded, load, apply: applying(reloaded, report), lines })
    reload.resolve(() => reloads.run())
    manager.ready(`listens on ${listeners.urls.join(' and ')}`)
    unwatch = watchdog(manager, log, lines)
    unwatchDescriptors = watchDescriptors({
      limit: descriptorLimit(process.platform),
      clock: systemClock,
      warn: lines.warn,
    })
    const place = { ...listeners, firstKey: made !== undefined, certificate: certificate.shown }
    greet(await welcome(config, place), io.stdout, lines)
    await stop.wait()
    endReloads(() => lines.info('SIGHUP is ignored: the hub stops, and the next start reads its settings anyway.'))
    hub.admission.refuseNew()
    listeners.farewell()
    const { drain } = live.config
    manager.stopping(drain.delayMs + drain.timeoutMs)
    await Promise.race([Bun.sleep(drain.delayMs), failed.promise])
  } finally {
    certificate.close()
    retention?.close()
    await shutDown({ hub, mcp, webhooks, listeners }, live.config.drain.timeoutMs)
    unwatch?.()
    unwatchDescriptors?.()
    await log.close()
  }
  return await leave(serverLog, exitCode, io)
}

function watchdog(manager: ServiceManager, log: EventLog, lines: LogLines): (() => void) | undefined {
  if (manager.watchdogMs === undefined) return undefined
  return watch({
    withinMs: manager.watchdogMs,
    probe: () => log.probe(),
    alive: () => manager.alive(),
    clock: systemClock,
    warn: lines.warn,
  })
}

/** They are loaded when they are first needed, which may be now. */
function hasWebhooks({ durability, dataDir, forwards }: LoadedConfig['config']): boolean {
  return forwards.length > 0 || (durability !== 'memory' && outletsExist(dataDir))
}

function webhooksOf(options: HubWebhooksOptions): WebhooksOnDemand {
  warnOfLoopback(options.live, options.lines)
  return new WebhooksOnDemand(async () => (await import('./hub-webhooks.ts')).hubWebhooks(options))
}
