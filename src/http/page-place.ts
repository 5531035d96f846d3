import type { Access } from '../auth/access.ts'
import { HubError } from '../core/errors.ts'

/** What a page goes on after: the place in the "next" of an earlier answer. @throws HubError `invalid-query` */
export function placeOf(token: string | undefined, { pageTokens }: Pick<Access, 'pageTokens'>): string | undefined {
  if (token === undefined) return undefined
  const place = pageTokens.open(token)
  if (place !== undefined) return place
  throw new HubError('invalid-query', 'page is the "next" of an earlier answer; leave it out to begin.', {
    pointer: '/page',
  })
}

/** The next `limit` of what is listed by its ids, and the token to go on with if there are more. */
export function pageById<Listed extends { id: string }>(
  all: readonly Listed[],
  { after, limit, access }: { after: string | undefined; limit: number; access: Pick<Access, 'pageTokens'> },
): { listed: Listed[]; next?: string } {
  const wanted = all.filter(({ id }) => after === undefined || id > after).sort((a, b) => (a.id < b.id ? -1 : 1))
  const listed = wanted.slice(0, limit)
  return wanted.length > limit ? { listed, next: access.pageTokens.seal(listed.at(-1)!.id) } : { listed }
}
