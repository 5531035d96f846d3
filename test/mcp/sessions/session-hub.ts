import { type ServedHubOptions, servedHub } from '../../support/served-hub.ts'
import { sessionCatalogue } from './session-catalogue.ts'
import { type ClientOptions, SessionClient } from './session-client.ts'

/** The app on a socket with tools that do what sessions have to cope with. */
export async function sessionHub(options: ServedHubOptions = {}) {
  const { catalogue, held, aborted } = sessionCatalogue()
  const served = await servedHub({ catalogue, ...options })
  return {
    ...served,
    held,
    aborted,
    sessions: served.mcp.sessions,
    client: (more?: ClientOptions) => new SessionClient(served.fetch, more),
    begin: (more?: ClientOptions) => SessionClient.begun(served.fetch, more),
  }
}

export type SessionHub = Awaited<ReturnType<typeof sessionHub>>
