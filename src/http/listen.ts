import { HubError } from '../core/errors.ts'
import type { createApp } from './app.ts'
import { lastAnswers } from './last-answers.ts'
import { portTurn } from './port-turn.ts'

/** PEM texts that belong together. */
export interface TlsPair {
  cert: string
  key: string
}

export interface Listeners {
  /** One a host, for example `http://127.0.0.1:3000`. */
  urls: string[]
  port: number
  /**
   * Resolves when all new connections are shown this certificate, which some are not for `farewellMs`. What is being
   * answered goes on; connections that are kept between two requests end with their next answer, or are closed then. Only
   * of what listens with one.
   * @returns `false`: it was stopped meanwhile @throws HubError, and nothing has changed
   */
  renew(tls: TlsPair): Promise<boolean>
  /** Every answer from now on is the last one on its connection. */
  farewell(): void
  /** `farewell`, and a moment later no new connections; resolves when the requests in flight are answered. */
  stop(): Promise<void>
  /** Cuts off what is left. */
  cutOff(): Promise<void>
}

export interface ListenOptions {
  app: (options: { tls: boolean }) => ReturnType<typeof createApp>
  hosts: readonly string[]
  /** 0: the system chooses, the same for all hosts. */
  port: number
  /** https instead of http. */
  tls?: TlsPair | undefined
  /** Called for a host this machine does not have, unless it is the only one. */
  onMissing: (host: string) => void
  /** How long the servers of a certificate say farewell before they are stopped, milliseconds; default 2 s. */
  farewellMs?: number
}

const LOOK_MS = 20
const FAREWELL_MS = 2000
/** For those who send one request after the other; everybody else is told by `drain.delay`. */
const SHORT_FAREWELL_MS = 200

type App = ReturnType<typeof createApp>
type Server = NonNullable<App['server']>

interface Listening {
  host: string
  app: App
  server: Server
}

/** One server a host, on one port. @throws HubError `port-in-use`, `address-missing`, `invalid-config` */
export async function listen(options: ListenOptions): Promise<Listeners> {
  const { app, hosts, port, tls, onMissing, farewellMs = FAREWELL_MS } = options
  const listening: Listening[] = []
  const endTurn = tls && port !== 0 ? await portTurn(port) : undefined
  try {
    for (const host of hosts) {
      const opened = open(app, { host, port: listening[0]?.server.port ?? port, tls, alone: true })
      if (opened) listening.push(opened)
      else if (hosts.length > 1) onMissing(host)
    }
    if (listening.length === 0) {
      throw new HubError(
        'address-missing',
        `This machine has no address ${hosts.join(', ')}. If it comes later (a VPN, DHCP), start the hub again then; else set HOST to one that is there, for example 127.0.0.1.`,
      )
    }
    return new ListeningServers(app, listening, farewellMs)
  } catch (error) {
    await all(serversOf(listening), (server) => server.stop(true))
    throw error
  } finally {
    endTurn?.()
  }
}

class ListeningServers implements Listeners {
  readonly urls: string[]
  readonly port: number
  readonly #app: ListenOptions['app']
  readonly #farewellMs: number
  #current: readonly Listening[]
  /** Those that are to take no connection any more, while they have one. */
  readonly #retired = new Set<Server>()
  readonly #stopping = Promise.withResolvers<void>()
  #stopped = false
  /** When it began, as `performance.now()`. */
  #farewell: number | undefined

  constructor(app: ListenOptions['app'], current: readonly Listening[], farewellMs: number) {
    this.urls = current.map(({ server }) => String(server.url).replace(/\/$/, ''))
    this.port = current[0]!.server.port!
    this.#app = app
    this.#farewellMs = farewellMs
    this.#current = current
  }

  /** A server of Bun 1.4.5 keeps its first certificate (`reload` ignores `tls`): others take its place on the port. */
  async renew(tls: TlsPair): Promise<boolean> {
    if (this.#farewell !== undefined) return false
    const { port } = this
    const next: Listening[] = []
    try {
      for (const { host } of this.#current) {
        const opened = open(this.#app, { host, port, tls, alone: false })
        if (!opened) throw new HubError('internal', `${host} cannot be listened on any more.`)
        next.push(opened)
      }
    } catch (error) {
      await all(serversOf(next), (server) => server.stop(true))
      throw error
    }
    const before = this.#current
    this.#current = next
    for (const { app, server } of before) {
      lastAnswers(app)
      this.#retired.add(server)
    }
    // They go on listening that long: Bun (1.4.5) closes the connections between two requests together with the port.
    await sleepUnless(this.#stopping.promise, this.#farewellMs)
    for (const { server } of before) void server.stop(false).then(() => this.#retired.delete(server))
    return !this.#stopped
  }

  farewell(): void {
    if (this.#farewell !== undefined) return
    this.#farewell = performance.now()
    for (const { app } of this.#current) lastAnswers(app)
  }

  async stop(): Promise<void> {
    this.farewell()
    this.#stopped = true
    this.#stopping.resolve()
    await Bun.sleep(Math.max(0, this.#farewell! + SHORT_FAREWELL_MS - performance.now()))
    const servers = this.#servers()
    let closed = false
    const closing = all(servers, (server) => server.stop(false)).then(() => {
      closed = true
    })
    // Bun waits for connections too on which half of a request has come, or nothing: one would hold up every stop. The
    // first look is a moment later, for the requests of those whose connections were taken last.
    const answered = async (): Promise<void> => {
      do await Bun.sleep(LOOK_MS)
      while (!closed && servers.some((server) => server.pendingRequests > 0))
    }
    await Promise.race([closing, answered()])
  }

  async cutOff(): Promise<void> {
    await all(this.#servers(), (server) => server.stop(true))
  }

  #servers(): Server[] {
    return [...serversOf(this.#current), ...this.#retired]
  }
}

interface Opening {
  host: string
  port: number
  tls: TlsPair | undefined
  /** Nothing else may listen there. */
  alone: boolean
}

/** @returns `undefined` for an address this machine does not have. */
function open(newApp: ListenOptions['app'], { host, port, tls, alone }: Opening): Listening | undefined {
  try {
    if (!tls) return started(newApp, { hostname: host, port })
    // Two servers have the port while the certificate is renewed, which each has to allow from the beginning. What
    // listens there without that is found out before.
    if (alone && port !== 0) Bun.listen({ hostname: host, port, socket: { data() {} } }).stop(true)
    return started(newApp, { hostname: host, port, tls, reusePort: true })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'EADDRINUSE') {
      throw new HubError(
        'port-in-use',
        `Port ${port} of ${host} is in use: stop what listens there, or choose another one with PORT=${port + 1}.`,
        { cause: error },
      )
    }
    if (code === 'EACCES') {
      throw new HubError('invalid-config', `Port ${port} needs privileges this user has not: use one above 1023.`, {
        cause: error,
      })
    }
    // The last is Bun's (1.4.5) word for a name that nobody resolves.
    if (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT' || code === 'EINVAL') return undefined
    throw error
  }
}

function started(
  newApp: ListenOptions['app'],
  options: { hostname: string; port: number; tls?: TlsPair; reusePort?: boolean },
): Listening {
  const known = process.listeners('beforeExit')
  const app = newApp({ tls: options.tls !== undefined }).listen(options)
  const { server } = app
  // Elysia (1.4.30) leaves one for each app, which keeps it for good: 0.2 MiB a renewal and address. The process never
  // ends by itself while something listens.
  for (const left of process.listeners('beforeExit')) {
    if (!known.includes(left)) process.removeListener('beforeExit', left)
  }
  if (!server) throw new HubError('internal', 'The server did not start and did not say why.')
  return { host: options.hostname, app, server }
}

function serversOf(listening: readonly Listening[]): Server[] {
  return listening.map(({ server }) => server)
}

async function all(servers: readonly Server[], act: (server: Server) => Promise<void>): Promise<void> {
  await Promise.all(servers.map(act))
}

async function sleepUnless(ended: Promise<void>, ms: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const slept = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([slept, ended])
  clearTimeout(timer)
}
