import { Access } from '../auth/access.ts'
import { isLoopback } from '../config/host.ts'
import type { LoadedConfig } from '../config/load.ts'
import type { ClosedStream } from '../core/closed-stream.ts'
import type { EventLog } from '../core/event-log.ts'
import { Hub } from '../core/hub.ts'
import { systemClock } from '../daemon/clock.ts'
import { closedFields, closedLine } from '../daemon/closed-line.ts'
import { reportTo } from '../daemon/failure-report.ts'
import type { LogLines } from '../daemon/log-lines.ts'
import { onReloadSignal } from '../daemon/reload-signal.ts'
import { ServiceManager } from '../daemon/service-manager.ts'
import { StopSignal } from '../daemon/stop-signal.ts'
import { temporaryTicketKey, ticketKey } from '../daemon/ticket-key.ts'
import { watch } from '../daemon/watchdog.ts'
import { type Listeners, listen } from '../http/listen.ts'
import type { McpOnDemand } from '../mcp/on-demand.ts'
import { openLog, outletsExist } from '../storage/open.ts'
import { WebhooksOnDemand } from '../webhooks/on-demand.ts'
import { accessSettings, namingSource } from './access-settings.ts'
import { eventTypesOf } from './event-types.ts'
import { DONE, IO_ERROR } from './exit.ts'
import { FirstKey } from './first-key.ts'
import { HubCertificate } from './hub-certificate.ts'
import { hubLog, leave } from './hub-log.ts'
import type { HubWebhooksOptions } from './hub-webhooks.ts'
import type { Io } from './io.ts'
import { LiveSettings } from './live-settings.ts'
import { offeredTypesOf } from './offered-types.ts'
import { Reload, type ReloadOptions } from './reload.ts'
import { applying, reloadParts, warnOfLoopback } from './reload-parts.ts'
import { serverOf } from './server.ts'
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
  const ignoreReloads = onReloadSignal({
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
  let unwatch: (() => void) | undefined
  let exitCode = DONE
  const failed = Promise.withResolvers<void>()
  log.onFailure((error) => {
    lines.error(`${error.message} The hub stops; what was acknowledged is kept.`)
    // Also when it fails while it is being stopped: publishes in flight were refused.
    exitCode = IO_ERROR
    failed.resolve()
    stop.fail()
  })
  try {
    const report = reportTo(lines)
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
    const reloaded = reloadParts({ ...parts, ...server, log, webhooks, certificate, listeners })
    const reloads = new Reload({ loaded, load, apply: applying(reloaded, report), lines })
    reload.resolve(() => reloads.run())
    manager.ready(`listens on ${listeners.urls.join(' and ')}`)
    unwatch = watchdog(manager, log, lines)
    const place = { ...listeners, firstKey: made !== undefined, certificateHost: certificate.shown?.host }
    greet(welcome(config, place), io.stdout, lines)
    await stop.wait()
    hub.admission.refuseNew()
    const { drain } = live.config
    manager.stopping(drain.delayMs + drain.timeoutMs)
    await Promise.race([Bun.sleep(drain.delayMs), failed.promise])
  } finally {
    ignoreReloads()
    certificate.close()
    await end({ hub, mcp, webhooks, listeners }, live.config.drain.timeoutMs)
    unwatch?.()
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

/** What runs; a start that fails leaves some of it out. */
interface Running {
  hub: Hub | undefined
  mcp: McpOnDemand | undefined
  webhooks: WebhooksOnDemand | undefined
  listeners: Listeners | undefined
}

/** Streams are told before their sockets are closed; what does not go in time is cut off. */
async function end({ hub, mcp, webhooks, listeners }: Partial<Running>, timeoutMs: number): Promise<void> {
  let late: ReturnType<typeof setTimeout> | undefined
  const patience = new Promise<void>((resolve) => {
    late = setTimeout(resolve, timeoutMs)
  })
  const answered = listeners?.stop()
  // First the hub: a call of MCP that waits at it is answered with the place to go on from. What streams leave of the
  // time is for those that take their last frame slowly and for what is being sent.
  await hub?.drain(timeoutMs / 2)
  const sent = (await webhooks?.begun())?.stop(timeoutMs / 2)
  await mcp?.drain()
  await Promise.race([answered, patience])
  // A timer that is left would keep the process for the rest of its time.
  clearTimeout(late)
  await listeners?.cutOff()
  await sent
  mcp?.close()
  hub?.close()
}
