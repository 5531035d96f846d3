import type { Access } from '../auth/access.ts'
import { grantsDocument } from '../core/grants.ts'
import type { Principal } from '../core/principal.ts'
import { jsonAnswer } from './json-answer.ts'
import { parametersOf } from './parameters.ts'
import { visited } from './visitor.ts'

/** `GET /whoami`: `{principal, grants, expires, mode}` of whoever asks; `expires` is RFC 3339, or null for never. */
export function whoami(access: Pick<Access, 'mode'>) {
  return visited('http/whoami').get('/whoami', ({ request, visitor }) => {
    parametersOf(request, [])
    return answer(visitor.principal, access.mode)
  })
}

function answer({ id, grants, expires }: Principal, mode: Access['mode']): Response {
  return jsonAnswer(
    JSON.stringify({
      principal: id,
      grants: grantsDocument(grants),
      expires: expires === undefined ? null : new Date(expires).toISOString(),
      mode,
    }),
  )
}
