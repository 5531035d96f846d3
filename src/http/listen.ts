import { HubError } from '../core/errors.ts'
import type { createApp } from './app.ts'

export interface Listeners {
  /** One a host, for example `http://127.0.0.1:3000`. */
  urls: string[]
  port: number
  /** No new connections; resolves when the requests in flight are answered. */
  stop(): Promise<void>
  /** Cuts off what is left. */
  cutOff(): Promise<void>
}

export interface ListenOptions {
  app: () => ReturnType<typeof createApp>
  hosts: readonly string[]
  /** 0: the system chooses, the same for all hosts. */
  port: number
  /** Called for a host this machine does not have, unless it is the only one. */
  onMissing: (host: string) => void
}

type Server = NonNullable<ReturnType<typeof createApp>['server']>

/** One server a host, on one port. @throws HubError `port-in-use`, `invalid-config` */
export async function listen({ app, hosts, port, onMissing }: ListenOptions): Promise<Listeners> {
  const servers: Server[] = []
  try {
    for (const hostname of hosts) {
      const server = open(app, hostname, servers[0]?.port ?? port)
      if (server) servers.push(server)
      else if (hosts.length > 1) onMissing(hostname)
    }
    const [first] = servers
    if (!first) {
      throw new HubError(
        'invalid-config',
        `This machine has none of the addresses ${hosts.join(', ')}; set HOST to one it has, for example 127.0.0.1.`,
      )
    }
    return {
      urls: servers.map((server) => String(server.url).replace(/\/$/, '')),
      port: first.port!,
      stop: () => all(servers, (server) => server.stop(false)),
      cutOff: () => all(servers, (server) => server.stop(true)),
    }
  } catch (error) {
    await all(servers, (server) => server.stop(true))
    throw error
  }
}

/** @returns `undefined` for an address this machine does not have. */
function open(app: ListenOptions['app'], hostname: string, port: number): Server | undefined {
  try {
    const { server } = app().listen({ hostname, port })
    if (!server) throw new HubError('internal', 'The server did not start and did not say why.')
    return server
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'EADDRINUSE') {
      throw new HubError(
        'port-in-use',
        `Port ${port} of ${hostname} is in use: stop what listens there, or choose another one with PORT=${port + 1}.`,
        { cause: error },
      )
    }
    if (code === 'EACCES') {
      throw new HubError('invalid-config', `Port ${port} needs privileges this user has not: use one above 1023.`, {
        cause: error,
      })
    }
    if (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT') return undefined
    throw error
  }
}

async function all(servers: readonly Server[], act: (server: Server) => Promise<void>): Promise<void> {
  await Promise.all(servers.map(act))
}
