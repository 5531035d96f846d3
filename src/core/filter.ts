import { HubError } from './errors.ts'
import { matchesType, parseTypeFilter, type TypeFilter } from './event-type.ts'
import { matchesEverything, matchesSegments, type Pattern, parsePattern } from './pattern.ts'

export const MAX_PATTERNS = 64
export const MAX_TYPE_FILTERS = 64

/** What one reader wants: any of the patterns, and any of the types (none: every type). Plain data: it crosses threads. */
export interface Filter {
  patterns: readonly Pattern[]
  types: readonly TypeFilter[]
  /**
   * Equal for equal filters: readers that share it share their fan-out work. Made of what may be read, never of what was
   * asked for, and a tuple, not joined strings: else one principal's bytes could go to another (CVE-2026-39972).
   */
  key: string
}

/**
 * `named` is what the asker calls the two, for the pointers of refusals.
 * @throws HubError `invalid-pattern`, `invalid-type`, `invalid-query` when there are too many.
 */
export function parseFilter(
  patterns: readonly string[],
  types: readonly string[],
  named = { patterns: '/topic', types: '/type' },
): Filter {
  if (patterns.length > MAX_PATTERNS) {
    throw new HubError(
      'invalid-query',
      `A request names at most ${MAX_PATTERNS} topics; use a pattern such as orders/**.`,
      { pointer: named.patterns },
    )
  }
  if (types.length > MAX_TYPE_FILTERS) {
    throw new HubError(
      'invalid-query',
      `A request names at most ${MAX_TYPE_FILTERS} types; use a prefix such as order.*.`,
      { pointer: named.types },
    )
  }
  const wanted = [...new Set(patterns.length > 0 ? patterns : ['**'])].sort()
  const kinds = [...new Set(types)].sort()
  return filterOf(
    wanted.map((text) => parsePattern(text, named.patterns)),
    kinds.map((text) => parseTypeFilter(text, named.types)),
  )
}

/** At least one pattern: none would match nothing. Each of the two sorted by its text. */
export function filterOf(patterns: readonly Pattern[], types: readonly TypeFilter[]): Filter {
  const { topics, types: kinds } = filterDocument({ patterns, types })
  return { patterns, types, key: JSON.stringify([topics, kinds]) }
}

/** As readers and operators are shown it. */
export function filterDocument({ patterns, types }: Pick<Filter, 'patterns' | 'types'>): {
  topics: string[]
  types: string[]
} {
  return {
    topics: patterns.map((pattern) => pattern.text),
    types: types.map(({ text, prefix }) => text + (prefix ? '*' : '')),
  }
}

export function filterTopic(filter: Filter, topic: string): boolean {
  let segments: readonly string[] | undefined
  for (const pattern of filter.patterns) {
    if (pattern.exact ? topic === pattern.text : matchesEverything(pattern)) return true
    if (pattern.exact) continue
    segments ??= topic.split('/')
    if (matchesSegments(pattern, segments)) return true
  }
  return false
}

export function filterType(filter: Filter, type: string): boolean {
  return filter.types.length === 0 || filter.types.some((wanted) => matchesType(wanted, type))
}

/** The topics if all patterns are exact: the log can then go by its topic index instead of scanning. */
export function exactTopics(filter: Filter): string[] | undefined {
  return filter.patterns.every((pattern) => pattern.exact) ? filter.patterns.map((pattern) => pattern.text) : undefined
}
