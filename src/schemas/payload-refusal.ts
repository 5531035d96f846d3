import type { ErrorObject } from 'ajv/dist/2020.js'
import type { PayloadRefusal } from '../core/event-types.ts'
import { quoted } from '../core/suggest.ts'

const MAX_POINTER = 256
const MAX_SHOWN = 200

/** The failure to tell of when a check stopped at its first, which leaves those of the branches it tried before it. */
export function payloadRefusal(errors: readonly ErrorObject[]): PayloadRefusal {
  const error = errors.at(-1)!
  return { pointer: boundedPointer(error.instancePath), rule: `${words(error)} (${error.keyword})` }
}

/** The names in it are the publisher's: as far up as it stays short, always whole segments. */
function boundedPointer(pointer: string): string {
  let bounded = pointer
  while (bounded.length > MAX_POINTER) bounded = bounded.slice(0, bounded.lastIndexOf('/'))
  return bounded.toWellFormed()
}

function words({ keyword, params, message }: ErrorObject): string {
  switch (keyword) {
    case 'enum':
      return `must be one of ${shown(params.allowedValues).slice(1, -1)}`
    case 'const':
      return `must be ${shown(params.allowedValue)}`
    case 'required':
      return `must have the property ${quoted(params.missingProperty)}`
    case 'additionalProperties':
      return `must not have the property ${quoted(params.additionalProperty)}`
    case 'unevaluatedProperties':
      return `must not have the property ${quoted(params.unevaluatedProperty)}`
    case 'propertyNames':
      return `must not have a property called ${quoted(params.propertyName)}`
    case 'false schema':
      return 'must not be there'
  }
  return message ?? 'does not fit'
}

function shown(value: unknown): string {
  const text = JSON.stringify(value)
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text
}
