import * as z from 'zod'
import { configSchema } from './schema.ts'
import type { KeyMeta } from './value.ts'

/** One key and the names it goes by. */
export interface Key {
  /** As in the file: `stream.max_age`. */
  name: string
  path: readonly string[]
  /** `MCP_SSE_STREAM_MAX_AGE` */
  env: string
  /** `MCP_SSE_AUTH_KEY_FILE`, only beside a secret: the file that holds it. */
  envFile: string | undefined
  /** `--stream-max-age`; a secret has none, because every user of the machine sees it in `ps`. */
  flag: string | undefined
  schema: z.ZodType
  meta: KeyMeta
}

/** Every key of the schema in its order, sections after the keys above them. */
export function configKeys(): Key[] {
  return collect(configSchema, [])
}

/** Those that a reload takes over. `auth.open` is none, because it goes with where the hub listens. */
export function reloadedKeys(): Key[] {
  return configKeys().filter((key) => key.meta.reloads)
}

function collect(object: z.ZodObject, above: readonly string[]): Key[] {
  return Object.entries(object.shape).flatMap(([part, schema]) => {
    const path = [...above, part]
    if (schema instanceof z.ZodObject) return collect(schema, path)
    const name = path.join('.')
    const meta = (schema as z.ZodType).meta() as unknown as KeyMeta
    const env = meta.env ?? `MCP_SSE_${name.replaceAll('.', '_').toUpperCase()}`
    return [
      {
        name,
        path,
        env,
        envFile: meta.secret && `${env}_FILE`,
        flag: meta.secret ? undefined : flagName(name),
        schema: schema as z.ZodType,
        meta,
      },
    ]
  })
}

/** What the flag of the key `name` is called, or would be. */
export function flagName(name: string): string {
  return `--${name.replaceAll(/[._]/g, '-')}`
}
