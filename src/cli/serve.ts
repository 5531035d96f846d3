import { Access } from '../auth/access.ts'
import type { LoadedConfig } from '../config/load.ts'
import type { ClosedStream } from '../core/closed-stream.ts'
import { HubError } from '../core/errors.ts'
import type { EventLog } from '../core/event-log.ts'
import { Hub } from '../core/hub.ts'
import { systemClock } from '../daemon/clock.ts'
import { closedLine } from '../daemon/closed-line.ts'
import { createLogLines, type LogLines } from '../daemon/log-lines.ts'
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
import type { HubWebhooksOptions } from './hub-webhooks.ts'
import type { Io } from './io.ts'
import { offeredTypesOf } from './offered-types.ts'
import { Reload, type ReloadOptions } from './reload.ts'
import { serverOf } from './server.ts'
import { welcome } from './welcome.ts'

/** Recent events in memory, for the reconnects after a restart and for readers that a burst threw back. */
const TAIL_BYTES = 16 * 1024 * 1024
const PENDING_EVENTS = 10_000

/**
 * Composes the hub and runs it until it is told to stop. @param load reads the configuration again, as `Reload` says
 * @returns the exit code, once everything is closed
 */
export async function serve(loaded: LoadedConfig, load: ReloadOptions['load'], io: Io): Promise<number> {
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
  const lines = createLogLines({
    level: config.logLevel,
    // Where nobody reads the lines any more there is nobody to tell so either.
    write: (line) => void io.stderr.write(`mcp-sse: ${line}\n`).catch(() => {}),
  })
  for (const warning of warnings) lines.warn(warning)
  const manager = await ServiceManager.open({ env: io.env, pid: process.pid, warn: lines.warn })
  managed.resolve(manager)
  const eventTypes = await eventTypesOf(loaded)
  manager.status('opening the event log')
  const log = await openLog({
    durability: config.durability,
    directory: config.dataDir,
    retention: config.retention,
    pending: { events: PENDING_EVENTS, bytes: config.limits.pendingBytes },
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
    const limits = { ...config.stream, ...config.limits, pendingEvents: PENDING_EVENTS, tailBytes: TAIL_BYTES }
    const check = eventTypes.check.bind(eventTypes)
    // A restart ends every stream: at other levels 10,000 readers would be 10,000 lines.
    const closed = config.logLevel === 'debug' ? (stream: ClosedStream) => lines.debug(closedLine(stream)) : undefined
    hub = await Hub.open({ log, clock: systemClock, limits, report, check, closed })
    const parts = { loaded, access, hub, ticketSecret, firstKey, lines }
    const offeredTypes = offeredTypesOf(eventTypes)
    webhooks = webhooksOf({ ...parts, offeredTypes, report })
    if (hasWebhooks(config)) await webhooks.get()
    const server = serverOf({ hub, access, config, offeredTypes, webhooks, lines, report })
    mcp = server.mcp
    reload.resolve(reloading({ ...parts, load, mcp, webhooks }))
    listeners = await listen({
      app: server.app,
      hosts: config.hosts,
      port: config.port,
      onMissing: (host) => lines.info(`this machine has no ${host}; listening without it.`),
    })
    manager.ready(`listens on ${listeners.urls.join(' and ')}`)
    unwatch = watchdog(manager, log, lines)
    await io.stdout.write(welcome(config, { ...listeners, firstKey: made !== undefined }))
    await stop.wait()
    hub.refuseNew()
    manager.stopping(config.drain.delayMs + config.drain.timeoutMs)
    await Promise.race([Bun.sleep(config.drain.delayMs), failed.promise])
  } finally {
    ignoreReloads()
    await end({ hub, mcp, webhooks, listeners }, config.drain.timeoutMs)
    unwatch?.()
    await log.close()
  }
  return exitCode
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
  const { config } = options.loaded
  if (config.webhooks.allowLoopback) {
    options.lines.warn(
      'webhooks.allow_loopback is on: whoever may subscribe can have this hub POST to programs of this machine. For development only.',
    )
  }
  return new WebhooksOnDemand(async () => (await import('./hub-webhooks.ts')).hubWebhooks(options))
}

async function checkForwards(loaded: LoadedConfig): Promise<void> {
  const { forwardsOf } = await import('./forwards.ts')
  forwardsOf(loaded)
}

interface Reloading {
  loaded: LoadedConfig
  load: ReloadOptions['load']
  access: Access
  hub: Hub
  mcp: McpOnDemand
  webhooks: WebhooksOnDemand
  ticketSecret: Uint8Array
  firstKey: FirstKey
  lines: LogLines
}

function reloading(options: Reloading): () => Promise<void> {
  const { loaded, load, access, hub, mcp, webhooks, ticketSecret, firstKey, lines } = options
  const reload = new Reload({
    loaded,
    load,
    apply: async (next, closed) => {
      // Only a start takes these over, and what it would refuse is refused here.
      if (!Bun.deepEquals(next.config.eventTypes, loaded.config.eventTypes)) await eventTypesOf(next)
      if (!Bun.deepEquals(next.config.forwards, loaded.config.forwards)) await checkForwards(next)
      const circumstances = { closed, firstKey: await firstKey.of(next.config) }
      namingSource(next, () => access.replace(accessSettings(next.config, ticketSecret, circumstances)))
      const judge = access.judge.bind(access)
      await hub.reconsider(judge)
      await mcp.reconsider(judge)
      await (await webhooks.begun())?.reconsider()
    },
    lines,
  })
  return () => reload.run()
}

function reportTo(lines: LogLines): (error: unknown) => void {
  return (error) => {
    // Foreseen, such as an issuer that does not answer: its sentence says what to do.
    if (error instanceof HubError && error.code !== 'internal') lines.warn(error.message)
    else lines.error(`internal error: ${error instanceof Error ? (error.stack ?? error.message) : error}`)
  }
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
