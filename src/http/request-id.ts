import type { Access } from '../auth/access.ts'
import type { Addresses } from './gate.ts'

export const REQUEST_ID = 'x-request-id'

/** What a proxy may give a request: nothing that a line or a header could be forged with. */
const GIVEN = /^[\w.:-]{1,64}$/

/**
 * Names a request that is refused or fails, on its answer and in the log. A trusted proxy's own id is taken over, so that
 * its log and ours say the same; what anybody else sends is not, or a stranger could write another's id into our log.
 */
export function requestId(request: Request, server: Addresses | null, access: Pick<Access, 'trusts'>): string {
  const given = request.headers.get(REQUEST_ID)
  if (given !== null && GIVEN.test(given) && access.trusts(server?.requestIP(request)?.address)) return given
  return `req_${crypto.randomUUID().replaceAll('-', '').slice(0, 20)}`
}
