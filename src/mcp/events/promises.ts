import { pointerNames, valueAt } from '../../core/json-pointer.ts'

type Schema = Readonly<Record<string, unknown>>

const MOST_REFERENCES = 16

/**
 * What a payload schema says of each property by its name, each in words of its own, sorted: `branch:string`,
 * `outcome="failed"` for each value of an enum, `branch required`. Whatever only adds to a schema (a property, a value,
 * something required) leaves all of these as they were; what removes, renames or retypes takes some away.
 */
export function promisesOf(payloadSchema: Schema): readonly string[] {
  const properties = Object.entries(schemaOf(payloadSchema.properties) ?? {})
  const required = Array.isArray(payloadSchema.required) ? payloadSchema.required : []
  const promises = [
    ...properties.flatMap(([name, schema]) => ofProperty(wordOf(name), resolved(payloadSchema, schema))),
    ...required.map((name) => `${wordOf(String(name))} required`),
  ]
  return [...new Set(promises)].sort()
}

function ofProperty(name: string, schema: Schema | undefined): string[] {
  if (Array.isArray(schema?.enum)) return schema.enum.map((value) => `${name}=${JSON.stringify(value)}`)
  if (schema && 'const' in schema) return [`${name}=${JSON.stringify(schema.const)}`]
  const types = schema?.type === undefined ? ['any'] : [schema.type].flat().map(String)
  return [`${name}:${types.sort().join('|')}`]
}

/** A name that could be read as something else is quoted. */
function wordOf(name: string): string {
  return /^[\w$.-]+$/.test(name) ? name : JSON.stringify(name)
}

/** `$ref` inside the schema is followed; a schema that is none says nothing. */
function resolved(root: Schema, value: unknown): Schema | undefined {
  let schema = schemaOf(value)
  for (let count = 0; typeof schema?.$ref === 'string' && count < MOST_REFERENCES; count++) {
    if (!/^#(\/|$)/.test(schema.$ref)) return undefined
    schema = schemaOf(valueAt(root, pointerNames(decodeURIComponent(schema.$ref.slice(1)))))
  }
  return schema
}

function schemaOf(value: unknown): Schema | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Schema) : undefined
}
