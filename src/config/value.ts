import * as z from 'zod'
import { parseDuration } from '../core/duration.ts'
import { HubError } from '../core/errors.ts'
import { parsePattern } from '../core/pattern.ts'
import { formatDuration } from './duration.ts'
import { formatSize, parseSize } from './size.ts'

/** What a key says about itself besides how it is checked. The documentation, `--help` and every refusal read it. */
export interface KeyMeta {
  description: string
  /** Completes "allowed is …". */
  allowed: string
  /** The default in the notation of the file; `undefined` when it is computed or there is none. */
  default?: string | undefined
  /** What the default is, in words, when it is not a fixed value. */
  defaultText?: string
  /** A value worth showing in the sample file when the default does not show the form. */
  example?: string
  /** The placeholder in `--help`: `<duration>`. */
  placeholder: string
  /** The environment variable, if it is not made from the key. */
  env?: string
  /** Never shown, no flag, a `…_FILE` variable beside its own. */
  secret?: SecretForm
  /** A reload takes it over; others need a restart. */
  reloads?: boolean
  /** The keys of each table, when the value is a list of them. */
  tableKeys?: readonly string[]
}

/** What the file of a secret holds: one text, a list with one item a line, tables that only prove secrets. */
export type SecretForm = 'text' | 'lines' | 'tables'

const MAX_LIST = 64

export interface Range {
  min: number
  max: number
}

export type About = Partial<KeyMeta>

/** The message of every issue says what is allowed, so that a refusal inside a table is about the right thing. */
export function sentence(allowed: string, reason = ''): string {
  return `allowed is ${allowed}.${reason && ` ${reason}`}`
}

export function refuse(context: z.RefinementCtx, allowed: string, reason = ''): never {
  context.addIssue({ code: 'custom', message: sentence(allowed, reason) })
  return z.NEVER
}

/** Text such as `15s` to milliseconds. A bare number is refused: nobody can tell whether it means seconds. */
export function duration({ min, max }: Range) {
  const allowed = `a duration from ${formatDuration(min)} to ${formatDuration(max)}, written like 500ms, 15s, 10m or 7d`
  return z
    .unknown()
    .transform((value, context): number => {
      const ms = value === 0 ? 0 : typeof value === 'string' ? parseDuration(value) : undefined
      return ms === undefined || ms < min || ms > max ? refuse(context, allowed) : ms
    })
    .meta({ allowed, placeholder: '<duration>' } satisfies About)
}

/** Text such as `64KiB`, or a number of bytes, to bytes. */
export function size({ min, max }: Range) {
  const allowed = `a size from ${formatSize(min)} to ${formatSize(max)}, written like 64KiB, 1MiB, 1GB or plain bytes`
  return z
    .unknown()
    .transform((value, context): number => {
      const bytes = typeof value === 'string' || typeof value === 'number' ? parseSize(String(value)) : undefined
      return bytes === undefined || bytes < min || bytes > max ? refuse(context, allowed) : bytes
    })
    .meta({ allowed, placeholder: '<size>' } satisfies About)
}

/** A whole number; digits when it comes from a variable or flag. */
export function integer({ min, max }: Range) {
  const allowed = `a whole number from ${min} to ${max}`
  return z
    .unknown()
    .transform((value, context): number => {
      const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
      if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < min || number > max) {
        const kubernetes = typeof value === 'string' && /^(tcp|udp):\/\//.test(value)
        return refuse(
          context,
          allowed,
          kubernetes ? 'Kubernetes sets such variables for services; set enableServiceLinks: false in the pod.' : '',
        )
      }
      return number
    })
    .meta({ allowed, placeholder: '<number>' } satisfies About)
}

export function boolean() {
  const allowed = 'true or false'
  return z
    .unknown()
    .transform((value, context): boolean => {
      if (typeof value === 'boolean') return value
      return value === 'true' || value === 'false' ? value === 'true' : refuse(context, allowed)
    })
    .meta({ allowed, placeholder: '[true|false]' } satisfies About)
}

export function choice<const Names extends readonly [string, ...string[]]>(names: Names) {
  const allowed = `one of ${names.join(', ')}`
  return z
    .enum(names, { error: sentence(allowed) })
    .meta({ allowed, placeholder: `<${names.join('|')}>` } satisfies About)
}

export function path() {
  const allowed = 'a path'
  return z
    .string({ error: sentence(allowed) })
    .min(1, { error: sentence(allowed) })
    .refine((text) => !text.includes('\0'), { error: sentence(allowed) })
    .meta({ allowed, placeholder: '<path>' } satisfies About)
}

/** What one item of a list becomes, or the reason why it is refused. */
export type Item = { value: string } | { reason: string }

/** A list in the file, comma separated elsewhere. No item twice. */
export function list(allowed: string, item: (text: string) => Item, { least = 1 } = {}) {
  return z.unknown().transform((value, context): string[] => {
    const parts: unknown = typeof value === 'string' ? value.split(',') : value
    if (!Array.isArray(parts) || parts.length < least || parts.length > MAX_LIST) return refuse(context, allowed)
    const items = new Set<string>()
    for (const part of parts) {
      const read = typeof part === 'string' ? item(part.trim()) : { reason: '' }
      if ('reason' in read) return refuse(context, allowed, read.reason)
      items.add(read.value)
    }
    return [...items]
  })
}

/** The text of a table inside a variable or flag is JSON or a TOML value. */
function readTables(value: unknown): unknown {
  if (typeof value !== 'string') return value
  try {
    return JSON.parse(value)
  } catch {
    try {
      return (Bun.TOML.parse(`tables = ${value}`) as { tables: unknown }).tables
    } catch {
      return value
    }
  }
}

export function tables<Item extends z.ZodObject>(item: Item, about: { allowed: string; maximum: number }) {
  return z
    .preprocess(
      readTables,
      z.array(item, { error: sentence(about.allowed) }).max(about.maximum, { error: sentence(about.allowed) }),
    )
    .meta({ allowed: about.allowed, placeholder: '<tables>', tableKeys: Object.keys(item.shape) } satisfies About)
}

/** Topic patterns, none to 64. */
export function patterns() {
  const allowed = 'a list of topic patterns such as sensors/**'
  return list(
    allowed,
    (text) => {
      const reason = patternRefusal(text)
      return reason === undefined ? { value: text } : { reason }
    },
    { least: 0 },
  ).meta({ allowed, placeholder: '<patterns>' } satisfies About)
}

export function pattern() {
  const allowed = 'a topic pattern such as sensors/**'
  return z.string({ error: sentence(allowed) }).superRefine((text, context) => {
    const reason = patternRefusal(text)
    if (reason !== undefined) refuse(context, allowed, reason)
  })
}

function patternRefusal(text: string): string | undefined {
  try {
    parsePattern(text)
    return undefined
  } catch (error) {
    if (!(error instanceof HubError)) throw error
    return error.message
  }
}
