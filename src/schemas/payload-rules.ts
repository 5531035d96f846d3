import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js'
import { HubError } from '../core/errors.ts'
import type { PayloadRule } from '../core/event-types.ts'
import { boundedPattern, TEXT_TOO_LONG_RULE, TextTooLong } from './bounded-pattern.ts'
import { areDistinct } from './distinct.ts'
import { payloadRefusal } from './payload-refusal.ts'
import { requirePayloadSchema } from './payload-schema.ts'

/**
 * Makes rules of JSON Schemas (2020-12). `format` is an annotation, as that draft has it by default, and nothing is
 * fetched. The first costs some 90 ms (the schema of schemas is compiled too), each further one 2 ms.
 */
export class PayloadRules {
  readonly #ajv: Ajv2020

  constructor() {
    this.#ajv = new Ajv2020({
      // An unknown keyword is a typing mistake: nobody would notice that it checks nothing.
      strictSchema: true,
      strictTypes: false,
      strictTuples: false,
      strictRequired: false,
      allowMatchingProperties: true,
      // `required = ["constructor"]` is not kept by every object.
      ownProperties: true,
      validateFormats: false,
      // Two schemas may have one $id: none refers to another.
      addUsedSchema: false,
      logger: false,
      // `code` is for code that is written to a file; nothing is.
      code: {
        regExp: Object.assign((text: string, flags: string) => boundedPattern(text, flags), { code: 'boundedPattern' }),
      },
    })
    // Resolved by ajv 8.20 and unknown to its strict mode.
    this.#ajv.addKeyword('$anchor')
    this.#ajv.removeKeyword('uniqueItems')
    this.#ajv.addKeyword({
      keyword: 'uniqueItems',
      type: 'array',
      schemaType: 'boolean',
      validate: (wanted: boolean, items: readonly unknown[]) => !wanted || areDistinct(items),
      errors: false,
      error: { message: 'must not have an item twice' },
    })
  }

  /** @throws HubError `invalid-config`: what is wrong inside the schema, as a sentence */
  compile(schema: Readonly<Record<string, unknown>>): PayloadRule {
    requirePayloadSchema(schema)
    const validate = this.#compiled(schema)
    return (data) => {
      try {
        return validate(data) ? undefined : payloadRefusal(validate.errors as ErrorObject[])
      } catch (error) {
        if (error instanceof TextTooLong) return { pointer: '', rule: TEXT_TOO_LONG_RULE }
        throw error
      }
    }
  }

  #compiled(schema: Readonly<Record<string, unknown>>) {
    try {
      return this.#ajv.compile(schema)
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      // `schema is invalid: data/properties/a/type must be …`, `strict mode: unknown keyword: "requird"`
      const sentence = message.replace(/^(schema is invalid: data|strict mode: )/, '').replace(/\.?$/, '.')
      throw new HubError('invalid-config', sentence, { cause: error })
    }
  }
}
