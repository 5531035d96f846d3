import type { TypeFilter } from '../../core/event-type.ts'
import { type Filter, filterOf, MAX_TYPE_FILTERS } from '../../core/filter.ts'
import type { Pattern } from '../../core/pattern.ts'
import type { Notice } from './notice.ts'

/** Topics never start with `$`, so no event comes by it. Made by hand: it is refused as input for that reason. */
const NOTHING: Pattern = { text: '$nothing', exact: true, segments: ['$nothing'], open: false }

/**
 * One filter for all URIs of a watch: what one of them matches, it matches. It may match more (the types of one with the
 * topics of another), so what comes by it is matched against each URI's own before anybody is told.
 *
 * New topics come from elsewhere. A watch of nothing else has a subscription all the same: it holds the place among the
 * connections, and ends with the credential, a reload and the hub like any other; nothing ever wakes it but that.
 */
export function watchedFilter(notices: Iterable<Notice>): Filter {
  const patterns = new Map<string, Pattern>()
  const types = new Map<string, TypeFilter>()
  let everyType = false
  for (const { watched } of notices) {
    if (watched.kind !== 'events') continue
    for (const pattern of watched.filter.patterns) patterns.set(pattern.text, pattern)
    for (const type of watched.filter.types) types.set(type.text + (type.prefix ? '*' : ''), type)
    everyType ||= watched.filter.types.length === 0
  }
  if (patterns.size === 0) return filterOf([NOTHING], [])
  if (everyType || types.size > MAX_TYPE_FILTERS) types.clear()
  return filterOf(byName(patterns), byName(types))
}

/** How many patterns the URIs come to, each costing every commit a look-up. */
export function patternsOf(watched: Iterable<Notice['watched']>): number {
  const different = new Set<string>()
  for (const { kind, filter } of watched) for (const { text } of filter.patterns) different.add(`${kind} ${text}`)
  return different.size
}

function byName<T>(named: ReadonlyMap<string, T>): T[] {
  return [...named].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value)
}
