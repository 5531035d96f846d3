import type { NotifySocket } from './notify-socket.ts'

/** A manager that is busy (`daemon-reload` of thousands of units) has a full queue for seconds. */
const RETRY_MS = 50
const MOST_TRIES = 200
/** Beyond these nobody is there: what matters is at most one of each a life or a reload. */
const MOST_WAITING = 16
/** For the closing of the log and the way out, on top of the drain. */
const STOP_MARGIN_MS = 15_000

export interface ServiceManagerOptions {
  env: Readonly<Record<string, string | undefined>>
  pid: number
  /** Sentences for the operator. */
  warn(sentence: string): void
}

/**
 * What the one who started the hub is told about it, by systemd's notify protocol (sd_notify(3)); without NOTIFY_SOCKET
 * nothing is. Messages go out in order, and telling never waits and never fails.
 */
export class ServiceManager {
  /** How long the hub may be silent before it is taken for hung, milliseconds; `undefined`: as long as it likes. */
  readonly watchdogMs: number | undefined
  readonly #socket: NotifySocket | undefined
  readonly #pid: number
  readonly #warn: (sentence: string) => void
  readonly #waiting: string[] = []
  #state: 'starting' | 'ready' | 'stopping' = 'starting'
  #status = ''

  static async open({ env, pid, warn }: ServiceManagerOptions): Promise<ServiceManager> {
    const address = env.NOTIFY_SOCKET
    if (!address) return new ServiceManager(undefined, undefined, pid, warn)
    try {
      const { openNotifySocket } = await import('./notify-socket.ts')
      return new ServiceManager(await openNotifySocket(address), watchdogMs(env, pid), pid, warn)
    } catch (error) {
      warn(error instanceof Error ? error.message : String(error))
      return new ServiceManager(undefined, undefined, pid, warn)
    }
  }

  private constructor(
    socket: NotifySocket | undefined,
    watchdogMs: number | undefined,
    pid: number,
    warn: (sentence: string) => void,
  ) {
    this.#socket = socket
    this.watchdogMs = watchdogMs
    this.#pid = pid
    this.#warn = warn
  }

  /** One line for `systemctl status`. */
  status(text: string): void {
    this.#tell(`STATUS=${oneLine(text)}`)
  }

  /** Requests are answered from now on. */
  ready(status: string): void {
    if (this.#state !== 'starting') return
    this.#state = 'ready'
    this.#status = oneLine(status)
    this.#tell(`READY=1\nMAINPID=${this.#pid}\nSTATUS=${this.#status}`)
  }

  /** Tells of a reload from its beginning to its end; of one before `ready` or while stopping, nothing. */
  async during(reload: () => Promise<void>): Promise<void> {
    const told = this.#state === 'ready' && this.#socket !== undefined
    if (told) {
      this.#tell(
        `RELOADING=1\nMONOTONIC_USEC=${this.#socket!.monotonicMicros()}\nSTATUS=reading the configuration again`,
      )
    }
    try {
      await reload()
    } finally {
      if (told && this.#state === 'ready') this.#tell(`READY=1\nSTATUS=${this.#status}`)
    }
  }

  /** The end has begun and takes up to `withinMs`, for which the manager is asked to wait. */
  stopping(withinMs: number): void {
    if (this.#state === 'stopping') return
    this.#state = 'stopping'
    const micros = (withinMs + STOP_MARGIN_MS) * 1_000
    this.#tell(`STOPPING=1\nEXTEND_TIMEOUT_USEC=${micros}\nSTATUS=telling readers to come back later`)
  }

  /** The hub works. Left out while the manager takes nothing: what waits says as much. */
  alive(): void {
    if (this.#waiting.length === 0) this.#socket?.send('WATCHDOG=1')
  }

  #tell(message: string): void {
    if (!this.#socket) return
    if (this.#waiting.length === 0 && this.#socket.send(message)) return
    if (this.#waiting.length === MOST_WAITING) this.#waiting.shift()
    this.#waiting.push(message)
    if (this.#waiting.length === 1) this.#retry(this.#socket, 1)
  }

  #retry(socket: NotifySocket, tries: number): void {
    setTimeout(() => {
      let left = tries
      while (this.#waiting.length > 0 && socket.send(this.#waiting[0]!)) {
        this.#waiting.shift()
        left = 0
      }
      if (this.#waiting.length === 0) return
      if (left < MOST_TRIES) this.#retry(socket, left + 1)
      else {
        this.#waiting.length = 0
        this.#warn('the service manager has taken no message for 10 s: it may not know the state of the hub.')
      }
    }, RETRY_MS).unref()
  }
}

/** WATCHDOG_PID says for whom WATCHDOG_USEC is (sd_watchdog_enabled(3)). */
function watchdogMs(env: ServiceManagerOptions['env'], pid: number): number | undefined {
  const micros = Number(env.WATCHDOG_USEC)
  const forUs = !env.WATCHDOG_PID || Number(env.WATCHDOG_PID) === pid
  return forUs && micros > 0 && Number.isFinite(micros) ? micros / 1_000 : undefined
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').trim()
}
