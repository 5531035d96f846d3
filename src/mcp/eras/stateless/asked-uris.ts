import type { ProtocolError } from '@modelcontextprotocol/server'
import type { Grants } from '../../../core/grants.ts'
import type { Catalogue, Watched } from '../../catalogue/catalogue.ts'
import { watchedBy } from '../../catalogue/resource-kind.ts'
import { protocolErrorOf } from '../../refusal.ts'
import { MAX_WATCHED_URIS, tooManyUris } from '../../watching/resource-watch.ts'

interface ListenBody {
  method: 'subscriptions/listen'
  params: { notifications: { resourceSubscriptions: string[]; [flag: string]: unknown } }
}

export interface AskedUris {
  /** The request as the SDK gets it: its acknowledgement repeats what it finds there, so it says what is honoured. */
  body: unknown
  uris: ReadonlyMap<string, Watched>
  /** Why nothing at all would be left of it. */
  refusal: ProtocolError | undefined
}

export function isListen(body: unknown): body is { method: 'subscriptions/listen' } {
  return typeof body === 'object' && body !== null && 'method' in body && body.method === 'subscriptions/listen'
}

/** What of a `subscriptions/listen` the asker may watch: the rest is left out of it. */
export function askedUris(
  body: unknown,
  { catalogue, grants, report }: { catalogue: Catalogue; grants: Grants; report: (error: unknown) => void },
): AskedUris {
  if (!namesUris(body)) return { body, uris: new Map(), refusal: undefined }
  const { resourceSubscriptions, ...flags } = body.params.notifications
  const asked = new Set(resourceSubscriptions)
  const uris = new Map<string, Watched>()
  let refusal: ProtocolError | undefined
  try {
    if (asked.size > MAX_WATCHED_URIS) throw tooManyUris()
    for (const uri of asked) {
      try {
        uris.set(uri, watchedBy(catalogue, uri, grants))
      } catch (error) {
        refusal = protocolErrorOf(error, report)
      }
    }
  } catch (error) {
    refusal = protocolErrorOf(error, report)
  }
  const nothingLeft = uris.size === 0 && !Object.values(flags).includes(true)
  const notifications = { ...flags, resourceSubscriptions: [...uris.keys()] }
  return {
    body: { ...body, params: { ...body.params, notifications } },
    uris,
    refusal: nothingLeft || asked.size > MAX_WATCHED_URIS ? refusal : undefined,
  }
}

/** Anything else is for the SDK to refuse, or to take as it is. */
function namesUris(body: unknown): body is ListenBody {
  if (!isListen(body) || !('params' in body)) return false
  const uris = (body.params as ListenBody['params'] | undefined)?.notifications?.resourceSubscriptions
  return Array.isArray(uris) && uris.length > 0 && uris.every((uri) => typeof uri === 'string')
}
