import type { ConfiguredForward } from './config.ts'
import { bearerRefusal, signingSecretRefusal } from './forward-value.ts'
import type { Settings } from './schema.ts'
import { readSecretFile } from './secret-file.ts'
import type { Environment } from './variable.ts'

export interface ForwardsRead {
  forwards: ConfiguredForward[]
  /** Sentences; any of them stops the start. */
  problems: string[]
  warnings: string[]
}

/** @param at where `forward` got its value, `cwd` where the files its tables name are looked for */
export function readForwards(
  tables: Settings['forward'],
  { at, cwd, env }: { at: string; cwd: string; env: Environment },
): ForwardsRead {
  const read: ForwardsRead = { forwards: [], problems: [], warnings: [] }
  const names = new Set<string>()
  for (const [index, table] of tables.entries()) {
    const place = `${at}: forward[${index}]`
    if (names.has(table.name)) {
      read.problems.push(`${place}.name is taken: forward has ${JSON.stringify(table.name)} twice. Rename one.`)
    }
    names.add(table.name)
    const secretOf = (key: 'secret' | 'bearer', refusalOf: (text: string) => string | undefined) => {
      const file = table[`${key}_file`]
      if (file === undefined) return table[key]
      const variable = `${place}.${key}_file`
      if (table[key] !== undefined) {
        read.problems.push(`${variable} and ${key} are both set; which one counts? Remove one, best ${key}.`)
        return undefined
      }
      const found = readSecretFile(file, { variable, cwd, form: 'text', env })
      if ('problem' in found) read.problems.push(found.problem)
      else {
        const text = String(found.value)
        const refusal = refusalOf(text)
        if (refusal !== undefined) read.problems.push(`${variable}: what is in it is refused; ${refusal}`)
        if (found.warning) read.warnings.push(found.warning)
        return text
      }
      return undefined
    }
    const secret = secretOf('secret', signingSecretRefusal)
    const bearer = secretOf('bearer', bearerRefusal)
    const headers = table.headers ?? {}
    if ((table.bearer ?? table.bearer_file) !== undefined && 'authorization' in headers) {
      read.problems.push(`${place} has an authorization header and a bearer; which one counts? Remove one.`)
    }
    read.forwards.push({
      name: table.name,
      topics: table.topic,
      types: table.types ?? [],
      url: table.url,
      headers,
      body: table.body,
      secret,
      bearer,
      private: table.private ?? false,
      atOnce: table.at_once ?? 1,
    })
  }
  return read
}
