import { HubError } from './errors.ts'
import { intersectTypes, parseTypeFilter, type TypeFilter } from './event-type.ts'
import { type Filter, filterOf } from './filter.ts'
import { covers, intersect, matchesTopic, type Pattern, parsePattern } from './pattern.ts'

/** What a principal may do. Patterns that are not here are not granted; nothing is granted by being left out. */
export interface Grants {
  readonly publish: readonly Pattern[]
  readonly subscribe: readonly Pattern[]
  /** Only these types may be read; none: every type. */
  readonly types: readonly TypeFilter[]
  /** Erasing, and looking at and ending the connections of others. */
  readonly admin: boolean
  /** Reading `/metrics`, which `admin` may too. */
  readonly metrics?: boolean
}

/** As configuration, tokens and `/whoami` write them. */
export interface GrantsDocument {
  publish: string[]
  subscribe: string[]
  types?: string[]
  admin: boolean
  metrics?: boolean
}

/** What asked and granted patterns may come to: more is refused, since each costs every commit a look-up. */
export const MAX_NARROWED_PATTERNS = 256

const EVERYTHING = [parsePattern('**')]

export const ALL_GRANTS: Grants = Object.freeze({ publish: EVERYTHING, subscribe: EVERYTHING, types: [], admin: true })
export const NO_GRANTS: Grants = Object.freeze({ publish: [], subscribe: [], types: [], admin: false })

/** @throws HubError `invalid-pattern`, `invalid-type` */
export function parseGrants(document: Partial<GrantsDocument>): Grants {
  return {
    publish: (document.publish ?? []).map((text) => parsePattern(text, '/publish')),
    subscribe: (document.subscribe ?? []).map((text) => parsePattern(text, '/subscribe')),
    types: (document.types ?? []).map((text) => parseTypeFilter(text, '/types')),
    admin: document.admin === true,
    ...(document.metrics === true ? { metrics: true } : {}),
  }
}

export function grantsDocument({ publish, subscribe, types, admin, metrics }: Grants): GrantsDocument {
  return {
    publish: publish.map((pattern) => pattern.text),
    subscribe: subscribe.map((pattern) => pattern.text),
    ...(types.length > 0 ? { types: types.map(({ text, prefix }) => text + (prefix ? '*' : '')) } : {}),
    admin,
    ...(metrics ? { metrics } : {}),
  }
}

export function sameGrants(a: Grants, b: Grants): boolean {
  return JSON.stringify(grantsDocument(a)) === JSON.stringify(grantsDocument(b))
}

export function mayPublish(grants: Grants, topic: string): boolean {
  return grants.publish.some((pattern) => matchesTopic(pattern, topic))
}

/** @throws HubError `forbidden` */
export function requirePublish(grants: Grants, topic: string, pointer = '/topic'): void {
  if (mayPublish(grants, topic)) return
  throw new HubError('forbidden', `This credential may not publish to this topic${may('publish', grants.publish)}.`, {
    pointer,
  })
}

/** @throws HubError `forbidden` */
export function requireAdmin(grants: Grants): void {
  if (grants.admin) return
  throw new HubError('forbidden', 'This needs a credential with the grant admin; ask with one that has it.')
}

/** @throws HubError `forbidden` */
export function requireMetrics({ admin, metrics }: Grants): void {
  if (admin || metrics) return
  throw new HubError('forbidden', 'This needs a key with metrics = true, or the grant admin; ask with one that has it.')
}

/**
 * What of `asked` may be read: wildcards are narrowed, so that whatever goes by the filter (fan-out, replay, lists) checks
 * every event by it. An exact topic outside the grants is refused whether it exists or not. Never returns an empty filter,
 * which would mean everything. @throws HubError `forbidden`, `invalid-query` when it comes to too many patterns
 */
export function narrowFilter(asked: Filter, grants: Grants, named = { patterns: '/topic', types: '/type' }): Filter {
  if (grants.types.length === 0 && grants.subscribe.some((pattern) => pattern.open && pattern.segments.length === 0)) {
    return asked
  }
  const patterns = new Map<string, Pattern>()
  for (const pattern of asked.patterns) {
    const granted = grants.subscribe.flatMap((other) => intersect(pattern, other) ?? [])
    if (granted.length === 0 && pattern.exact) refuseReading(grants, named.patterns)
    for (const both of granted) patterns.set(both.text, both)
    // Before those that others stand for are left out: that is quadratic.
    if (patterns.size > MAX_NARROWED_PATTERNS) tooManyPatterns(named.patterns)
  }
  if (patterns.size === 0) refuseReading(grants, named.patterns)
  const types = intersectTypes(asked.types, grants.types)
  if (!types) {
    const granted = grantsDocument(grants).types?.join(', ')
    throw new HubError(
      'forbidden',
      `This credential may not read these types; it may read ${granted}, for others use another one.`,
      {
        pointer: named.types,
      },
    )
  }
  return filterOf(withoutCovered([...patterns.values()]), types)
}

/** What both allow: a ticket's and its asker's, as the asker's are now. */
export function narrowGrants(a: Grants, b: Grants): Grants {
  return {
    publish: both(a.publish, b.publish),
    subscribe: both(a.subscribe, b.subscribe),
    ...typesOfBoth(a, b),
    admin: a.admin && b.admin,
  }
}

/** No type in common is no reading at all: an empty list would mean every type. */
function typesOfBoth(a: Grants, b: Grants): Pick<Grants, 'types'> | Pick<Grants, 'types' | 'subscribe'> {
  const types = intersectTypes(a.types, b.types)
  return types ? { types } : { types: [], subscribe: [] }
}

function both(a: readonly Pattern[], b: readonly Pattern[]): Pattern[] {
  return withoutCovered(a.flatMap((left) => b.flatMap((right) => intersect(left, right) ?? [])))
}

/** Patterns that another one of them stands for are left out, so that what `$open` says is short. */
function withoutCovered(patterns: readonly Pattern[]): Pattern[] {
  const different = [...new Map(patterns.map((pattern) => [pattern.text, pattern])).values()]
  // Quadratic, and only for short answers: of so many, a filter is refused anyway.
  if (different.length > MAX_NARROWED_PATTERNS) return different
  return different
    .filter((pattern) => !different.some((other) => other !== pattern && covers(other, pattern)))
    .sort((a, b) => (a.text < b.text ? -1 : 1))
}

function refuseReading(grants: Grants, pointer: string): never {
  throw new HubError('forbidden', `This credential may not read this${may('read', grants.subscribe)}.`, { pointer })
}

function tooManyPatterns(pointer: string): never {
  throw new HubError(
    'invalid-query',
    `Narrowed to what this credential may read, these are more than ${MAX_NARROWED_PATTERNS} patterns; ask for fewer.`,
    { pointer },
  )
}

const MOST_SHOWN = 5

/** The asker's own grants are no secret to the asker. */
function may(verb: string, patterns: readonly Pattern[]): string {
  if (patterns.length === 0) return `, nor ${verb} anything else; use one with a grant for it`
  const shown = patterns.slice(0, MOST_SHOWN).map((pattern) => pattern.text)
  return `; it may ${verb} ${shown.join(', ')}${patterns.length > MOST_SHOWN ? ' and more' : ''}, for the rest use another one`
}
