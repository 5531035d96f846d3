import { HubError } from './errors.ts'
import { quoted } from './suggest.ts'

export const DEFAULT_TYPE = 'message'
export const MAX_TYPE_LENGTH = 128

/** Controls, formats, separators, surrogates, unassigned: everything that does not print, and white space. */
const UNPRINTABLE = /[\p{C}\p{Z}]/u

/** Types a page's EventSource would mistake for its own `onerror` and `onopen`. */
const RESERVED = new Set(['error', 'open'])

/** @throws HubError `invalid-type` */
export function requireType(type: string, pointer = '/type'): string {
  const refusal = checkType(type)
  if (refusal) throw new HubError('invalid-type', `This type is refused: ${refusal}`, { pointer })
  return type
}

function checkType(type: string): string | undefined {
  if (type === '') return 'a type has at least one character.'
  if ([...type].length > MAX_TYPE_LENGTH) return `a type has at most ${MAX_TYPE_LENGTH} characters.`
  if (type.startsWith('$')) return 'types that start with $ are the hub’s own control events.'
  if (UNPRINTABLE.test(type)) return 'a type is printable and has no white space.'
  if (RESERVED.has(type)) return `"${type}" would fire a page’s on${type} handler; use a name such as "job.${type}".`
  return undefined
}

/** An exact type, or with `prefix` everything that starts with `text`. */
export interface TypeFilter {
  text: string
  prefix: boolean
}

/** `order.paid`, or `order.*`. @throws HubError `invalid-type` */
export function parseTypeFilter(text: string, pointer?: string): TypeFilter {
  if (text === '*') return { text: '', prefix: true }
  if (text.endsWith('.*')) {
    const prefix = text.slice(0, -1)
    if (!prefix.includes('*') && checkType(prefix) === undefined) return { text: prefix, prefix: true }
  }
  if (!text.includes('*') && checkType(text) === undefined) return { text, prefix: false }
  throw new HubError(
    'invalid-type',
    `A type filter is an exact type or a prefix such as order.*, not ${quoted(text)}.`,
    {
      pointer,
    },
  )
}

export function matchesType(filter: TypeFilter, type: string): boolean {
  return filter.prefix ? type.startsWith(filter.text) : type === filter.text
}

/** What both lists let through, where an empty list is every type; `undefined` when that is nothing. */
export function intersectTypes(a: readonly TypeFilter[], b: readonly TypeFilter[]): readonly TypeFilter[] | undefined {
  if (a.length === 0) return b
  if (b.length === 0) return a
  const found = new Map<string, TypeFilter>()
  for (const left of a) {
    for (const right of b) {
      const narrow = right.text.length > left.text.length || !right.prefix ? right : left
      const wide = narrow === right ? left : right
      if (wide.prefix ? narrow.text.startsWith(wide.text) : !narrow.prefix && narrow.text === wide.text) {
        found.set(`${narrow.text}${narrow.prefix ? '*' : ''}`, narrow)
      }
    }
  }
  return found.size > 0 ? [...found.values()] : undefined
}
