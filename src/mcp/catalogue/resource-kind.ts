import { ResourceNotFoundError } from '@modelcontextprotocol/server'
import { HubError } from '../../core/errors.ts'
import type { Grants } from '../../core/grants.ts'
import { quoted } from '../../core/suggest.ts'
import type { Catalogue, ResourceKind, Watched } from './catalogue.ts'

/** @throws ResourceNotFoundError */
export function kindOf(kinds: readonly ResourceKind[], uri: string): ResourceKind {
  const kind = kinds.find((each) => each.matches(uri))
  if (kind) return kind
  throw new ResourceNotFoundError(uri, `Resource not found: ${quoted(uri)}`)
}

/** What to watch for a subscription to `uri`. @throws ResourceNotFoundError, HubError */
export function watchedBy({ resources }: Catalogue, uri: string, grants: Grants): Watched {
  const kind = kindOf(resources, uri)
  if (kind.watched) return kind.watched(uri, grants)
  throw new HubError('invalid-arguments', 'This resource never changes, so there is nothing to subscribe to.')
}
