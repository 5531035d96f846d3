import { HubError } from '../core/errors.ts'
import type { createApp } from './app.ts'

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
   * New connections are shown this certificate; those that are open go on as they are, but for idle ones between two
   * requests, which are closed. Only of what listens with one. @throws HubError, and nothing has changed
   */
  renew(tls: TlsPair): Promise<void>
  /** No new connections; resolves when the requests in flight are answered. */
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
}

const LOOK_MS = 20

type Server = NonNullable<ReturnType<typeof createApp>['server']>

interface Listening {
  host: string
  server: Server
}

/** One server a host, on one port. @throws HubError `port-in-use`, `address-missing`, `invalid-config` */
export async function listen({ app, hosts, port, tls, onMissing }: ListenOptions): Promise<Listeners> {
  const listening: Listening[] = []
  try {
    for (const host of hosts) {
      const server = open(app, { host, port: listening[0]?.server.port ?? port, tls, alone: true })
      if (server) listening.push({ host, server })
      else if (hosts.length > 1) onMissing(host)
    }
    if (listening.length === 0) {
      throw new HubError(
        'address-missing',
        `This machine has no address ${hosts.join(', ')}. If it comes later (a VPN, DHCP), start the hub again then; else set HOST to one that is there, for example 127.0.0.1.`,
      )
    }
    return new ListeningServers(app, listening)
  } catch (error) {
    await all(serversOf(listening), (server) => server.stop(true))
    throw error
  }
}

class ListeningServers implements Listeners {
  readonly urls: string[]
  readonly port: number
  readonly #app: ListenOptions['app']
  #current: readonly Listening[]
  /** Those that take no connection any more, while they have one. */
  readonly #retired = new Set<Server>()
  #stopped = false

  constructor(app: ListenOptions['app'], current: readonly Listening[]) {
    this.urls = current.map(({ server }) => String(server.url).replace(/\/$/, ''))
    this.port = current[0]!.server.port!
    this.#app = app
    this.#current = current
  }

  /** A server of Bun 1.4.5 keeps its first certificate (`reload` ignores `tls`): others take its place on the port. */
  async renew(tls: TlsPair): Promise<void> {
    if (this.#stopped) return
    const { port } = this
    const next: Listening[] = []
    try {
      for (const { host } of this.#current) {
        const server = open(this.#app, { host, port, tls, alone: false })
        if (!server) throw new HubError('internal', `${host} cannot be listened on any more.`)
        next.push({ host, server })
      }
    } catch (error) {
      await all(serversOf(next), (server) => server.stop(true))
      throw error
    }
    const before = serversOf(this.#current)
    this.#current = next
    for (const server of before) {
      this.#retired.add(server)
      void server.stop(false).then(() => this.#retired.delete(server))
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true
    const servers = this.#servers()
    let closed = false
    const closing = all(servers, (server) => server.stop(false)).then(() => {
      closed = true
    })
    // Bun waits for connections too on which half of a request has come, or nothing: one would hold up every stop.
    const answered = async (): Promise<void> => {
      while (!closed && servers.some((server) => server.pendingRequests > 0)) await Bun.sleep(LOOK_MS)
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
function open(app: ListenOptions['app'], { host, port, tls, alone }: Opening): Server | undefined {
  try {
    if (!tls) return started(app, { hostname: host, port })
    // Two servers have the port while the certificate is renewed, which each has to allow from the beginning. What
    // listens there without that is found out before.
    if (alone && port !== 0) Bun.listen({ hostname: host, port, socket: { data() {} } }).stop(true)
    return started(app, { hostname: host, port, tls, reusePort: true })
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
  app: ListenOptions['app'],
  options: { hostname: string; port: number; tls?: TlsPair; reusePort?: boolean },
): Server {
  const known = process.listeners('beforeExit')
  const { server } = app({ tls: options.tls !== undefined }).listen(options)
  // Elysia (1.4.30) leaves one for each app, which keeps it for good: 0.2 MiB a renewal and address. The process never
  // ends by itself while something listens.
  for (const left of process.listeners('beforeExit')) {
    if (!known.includes(left)) process.removeListener('beforeExit', left)
  }
  if (!server) throw new HubError('internal', 'The server did not start and did not say why.')
  return server
}

function serversOf(listening: readonly Listening[]): Server[] {
  return listening.map(({ server }) => server)
}

async function all(servers: readonly Server[], act: (server: Server) => Promise<void>): Promise<void> {
  await Promise.all(servers.map(act))
}
