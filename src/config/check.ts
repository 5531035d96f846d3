import type * as z from 'zod'
import { HubError } from '../core/errors.ts'
import { didYouMean, quoted } from '../core/suggest.ts'
import type { Key } from './keys.ts'
import type { Settings } from './schema.ts'
import { refusal, type Setting } from './setting.ts'

const MOST_ISSUES = 8

/** Each key by itself, so that a refusal can say which source it is about. What is refused is in `problems`. */
export function checkValues(
  keys: readonly Key[],
  settings: ReadonlyMap<string, Setting>,
): { values: Settings; problems: string[] } {
  const values: Record<string, unknown> = {}
  const problems: string[] = []
  for (const key of keys) {
    const setting = settings.get(key.name)
    const parsed = key.schema.safeParse(setting?.value)
    if (parsed.success) place(values, key.path, parsed.data)
    else if (setting) problems.push(...issuesOf(key, setting, parsed.error))
    else throw new HubError('internal', `The default of ${key.name} is refused by its own schema.`)
  }
  // Complete when there are no problems: every key of the schema was placed.
  return { values: values as Settings, problems }
}

function place(values: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let table = values
  for (const part of path.slice(0, -1)) {
    table[part] ??= {}
    table = table[part] as Record<string, unknown>
  }
  table[path.at(-1)!] = value
}

function issuesOf(key: Key, setting: Setting, error: z.ZodError): string[] {
  return error.issues.slice(0, MOST_ISSUES).map((issue) => {
    const inside = issue.path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('')
    if (issue.code === 'unrecognized_keys') {
      const unknown = issue.keys[0]!
      return `${setting.origin}: ${key.name}${inside} has no key ${quoted(unknown)}.${didYouMean(unknown, key.meta.tableKeys ?? [])}`
    }
    const value = issue.path.reduce<unknown>(
      (holder, part) => (holder as Record<PropertyKey, unknown> | undefined)?.[part],
      setting.value,
    )
    const shown = inside && typeof setting.value !== 'string' ? value : setting.value
    return refusal(
      { ...setting, key: `${key.name}${inside}`, value: shown },
      issue.message,
      key.meta.secret !== undefined,
    )
  })
}
