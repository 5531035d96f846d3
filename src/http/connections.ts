import type { Access } from '../auth/access.ts'
import { HubError } from '../core/errors.ts'
import { requireAdmin } from '../core/grants.ts'
import type { Hub } from '../core/hub.ts'
import type { Answers, Asking } from './answers.ts'
import { pageById, placeOf } from './page-place.ts'
import { count, parametersOf, single } from './parameters.ts'
import { visited } from './visitor.ts'

export const CONNECTIONS_LIMIT = 100
export const MAX_CONNECTIONS_LIMIT = 1000

export interface ConnectionRouteOptions {
  hub: Pick<Hub, 'summaries' | 'cutOff'>
  access: Pick<Access, 'pageTokens'>
  answers: Answers
}

/** For those with the grant admin: `GET /connections`, who reads and how far behind; `DELETE /connections/{id}` ends one. */
export function connections(options: ConnectionRouteOptions) {
  return visited('http/connections')
    .get('/connections', ({ request, set, visitor: { principal } }) => list(options, { request, set, principal }))
    .delete('/connections/:id', ({ request, visitor: { principal }, params: { id } }) => {
      requireAdmin(principal.grants)
      parametersOf(request, [])
      if (options.hub.cutOff(id)) return new Response(null, { status: 204 })
      throw new HubError('not-found', 'No stream with this id is open; GET /connections lists those that are.')
    })
}

async function list({ hub, access, answers }: ConnectionRouteOptions, asking: Asking): Promise<Response> {
  requireAdmin(asking.principal.grants)
  const parameters = parametersOf(asking.request, ['limit', 'page'])
  const limit = count(parameters, 'limit', CONNECTIONS_LIMIT, MAX_CONNECTIONS_LIMIT)
  const after = placeOf(single(parameters, 'page'), access)
  return answers.answer(asking, async () => {
    const open = hub.summaries({ after: after ?? '', most: limit + 1 })
    const { listed, ...next } = pageById(open, { after, limit, access })
    return JSON.stringify({ connections: listed, ...next })
  })
}
