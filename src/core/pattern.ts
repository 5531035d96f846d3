import { HubError } from './errors.ts'
import { quoted } from './suggest.ts'
import { checkTopic } from './topic.ts'

/**
 * What a reader asks for: an exact topic, `*` for one segment, a final `**` for zero or more segments.
 * Without backtracking by construction (only the last segment may stand for many), so matching is linear in the topic.
 */
export interface Pattern {
  text: string
  /** No wildcard: the topic itself. */
  exact: boolean
  segments: readonly string[]
  /** Ends in `**`, which is not in `segments`. */
  open: boolean
}

/** @throws HubError `invalid-pattern` */
export function parsePattern(text: string, pointer?: string): Pattern {
  const segments = text.split('/')
  const open = segments.at(-1) === '**'
  if (open) segments.pop()
  for (const segment of segments) {
    if (segment !== '*' && segment.includes('*')) {
      throw new HubError(
        'invalid-pattern',
        `In the pattern ${quoted(text)} a * must be a whole segment (orders/*), and ** must be the last one (orders/**).`,
        { pointer },
      )
    }
  }
  // Everything but the wildcards follows the rules of topics; `**` and `/**` leave nothing else.
  const rest = segments.map((segment) => (segment === '*' ? 'x' : segment)).join('/')
  const refusal = checkTopic(open && rest === '' ? 'x' : rest)
  if (refusal) throw new HubError('invalid-pattern', `The pattern cannot match any topic: ${refusal}`, { pointer })
  return { text, exact: !open && !segments.includes('*'), segments, open }
}

export function matchesTopic(pattern: Pattern, topic: string): boolean {
  if (pattern.exact) return topic === pattern.text
  return matchesEverything(pattern) || matchesSegments(pattern, topic.split('/'))
}

/** One that is not exact, and a topic that is split already: for who asks many patterns about one topic. */
export function matchesSegments(pattern: Pattern, segments: readonly string[]): boolean {
  if (pattern.open ? segments.length < pattern.segments.length : segments.length !== pattern.segments.length) {
    return false
  }
  return pattern.segments.every((segment, index) => segment === '*' || segment === segments[index])
}

/** `**` */
export function matchesEverything(pattern: Pattern): boolean {
  return pattern.open && pattern.segments.length === 0
}

/** Whether some topic matches both: whether what retention took from one can have been meant for the other. */
export function overlaps(a: Pattern, b: Pattern): boolean {
  const shared = Math.min(a.segments.length, b.segments.length)
  for (let index = 0; index < shared; index++) {
    const left = a.segments[index]!
    const right = b.segments[index]!
    if (left !== '*' && right !== '*' && left !== right) return false
  }
  if (a.segments.length > shared) return b.open
  if (b.segments.length > shared) return a.open
  return true
}

/** The topics that match both, as one pattern (there always is one), or `undefined` when there are none. */
export function intersect(a: Pattern, b: Pattern): Pattern | undefined {
  if (!overlaps(a, b)) return undefined
  const [longer, shorter] = a.segments.length >= b.segments.length ? [a, b] : [b, a]
  const segments = longer.segments.map((segment, index) =>
    segment === '*' ? (shorter.segments[index] ?? segment) : segment,
  )
  const open = a.open && b.open
  const text = [...segments, ...(open ? ['**'] : [])].join('/')
  return { text, exact: !open && !segments.includes('*'), segments, open }
}

/** Whether every topic of `b` matches `a`. */
export function covers(a: Pattern, b: Pattern): boolean {
  if (b.open && !a.open) return false
  if (a.open ? b.segments.length < a.segments.length : b.segments.length !== a.segments.length) return false
  return a.segments.every((segment, index) => segment === '*' || segment === b.segments[index])
}
