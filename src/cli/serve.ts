import { version } from '../../package.json'
import type { LoadedConfig } from '../config/load.ts'
import { Hub } from '../core/hub.ts'
import { systemClock } from '../daemon/clock.ts'
import { createLogLines } from '../daemon/log-lines.ts'
import { StopSignal } from '../daemon/stop-signal.ts'
import { createApp } from '../http/app.ts'
import { type Listeners, listen } from '../http/listen.ts'
import { openLog } from '../storage/open.ts'
import { DONE, IO_ERROR } from './exit.ts'
import type { Io } from './io.ts'

/** Recent events in memory, for the reconnects after a restart and for readers that a burst threw back. */
const TAIL_BYTES = 16 * 1024 * 1024
const PENDING_EVENTS = 10_000
const IDLE_TIMEOUT_S = { least: 60, most: 255 }

/** Composes the hub and runs it until it is told to stop. @returns the exit code, once everything is closed */
export async function serve({ config, warnings }: LoadedConfig, io: Io): Promise<number> {
  const stop = new StopSignal()
  const lines = createLogLines({
    level: config.logLevel,
    // Where nobody reads the lines any more there is nobody to tell so either.
    write: (line) => void io.stderr.write(`mcp-sse: ${line}\n`).catch(() => {}),
  })
  for (const warning of warnings) lines.warn(warning)
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
    const limits = {
      ...config.stream,
      ...config.limits,
      connectionsPerPrincipal: 100,
      connectionsPerAddress: 1000,
      pendingEvents: PENDING_EVENTS,
      tailBytes: TAIL_BYTES,
    }
    const report = (error: unknown): void =>
      lines.error(`internal error: ${error instanceof Error ? (error.stack ?? error.message) : error}`)
    hub = await Hub.open({ log, clock: systemClock, limits, report })
    listeners = await listen({
      app: appFor(hub, config, report),
      hosts: config.hosts,
      port: config.port,
      onMissing: (host) => lines.info(`this machine has no ${host}; listening without it.`),
    })
    await io.stdout.write(welcome(config, listeners))
    await stop.wait()
    hub.refuseNew()
    await Promise.race([Bun.sleep(config.drain.delayMs), failed.promise])
  } finally {
    await end(hub, listeners, config.drain.timeoutMs)
    await log.close()
  }
  return exitCode
}

function appFor(hub: Hub, config: LoadedConfig['config'], report: (error: unknown) => void) {
  const heartbeatS = Math.ceil(config.stream.heartbeatMs / 1000)
  return () =>
    createApp({
      hub,
      origins: config.corsOrigins ?? [],
      heartbeatMs: config.stream.heartbeatMs,
      // A reader that takes a large chunk slowly is not idle; a quiet stream writes a heartbeat long before.
      idleTimeoutS: Math.min(IDLE_TIMEOUT_S.most, Math.max(IDLE_TIMEOUT_S.least, heartbeatS * 2)),
      now: () => systemClock.now(),
      report,
      version,
    })
}

/** Streams are told before their sockets are closed; what does not go in time is cut off. */
async function end(hub: Hub | undefined, listeners: Listeners | undefined, timeoutMs: number): Promise<void> {
  const answered = listeners?.stop()
  await hub?.drain()
  // A timer that is left would keep the process for the rest of its time.
  let late: ReturnType<typeof setTimeout> | undefined
  const patience = new Promise<void>((resolve) => {
    late = setTimeout(resolve, timeoutMs)
  })
  await Promise.race([answered, patience])
  clearTimeout(late)
  await listeners?.cutOff()
  hub?.close()
}

function welcome(config: LoadedConfig['config'], { urls, port }: Listeners): string {
  const kept = config.durability === 'memory' ? 'in memory only: gone with the process' : config.dataDir
  return [
    `mcp-sse ${version} listens on ${urls.join(' and ')}`,
    `  data   ${kept} (durability ${config.durability})`,
    `  page   http://localhost:${port}/`,
    `  try    curl -d 'hello' localhost:${port}/events/greetings`,
    '',
  ].join('\n')
}
