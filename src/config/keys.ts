import * as z from 'zod'
import { configSchema } from './schema.ts'
import type { KeyMeta } from './value.ts'

/** One key and the three names it goes by. */
export interface Key {
  /** As in the file: `stream.max_age`. */
  name: string
  path: readonly string[]
  /** `MCP_SSE_STREAM_MAX_AGE` */
  env: string
  /** `--stream-max-age` */
  flag: string
  schema: z.ZodType
  meta: KeyMeta
}

/** Every key of the schema in its order, sections after the keys above them. */
export function configKeys(): Key[] {
  return collect(configSchema, [])
}

function collect(object: z.ZodObject, above: readonly string[]): Key[] {
  return Object.entries(object.shape).flatMap(([part, schema]) => {
    const path = [...above, part]
    if (schema instanceof z.ZodObject) return collect(schema, path)
    const name = path.join('.')
    const meta = (schema as z.ZodType).meta() as unknown as KeyMeta
    return [
      {
        name,
        path,
        env: meta.env ?? `MCP_SSE_${name.replaceAll('.', '_').toUpperCase()}`,
        flag: `--${name.replaceAll(/[._]/g, '-')}`,
        schema: schema as z.ZodType,
        meta,
      },
    ]
  })
}
