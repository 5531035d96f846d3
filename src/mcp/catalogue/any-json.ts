import * as z from 'zod'

const scalars = [{ type: 'string' }, { type: 'number' }, { type: 'boolean' }, { type: 'null' }]

/**
 * Any JSON value, with each type named, or a client guesses which it is. One `anyOf` branch a type: a
 * list of types is lost on clients that know OpenAPI's schemas only. `items` says nothing, but without it VS Code and
 * OpenAI refuse the whole tool.
 */
export const anyJson = z.unknown().meta({
  anyOf: [{ type: 'object', additionalProperties: true }, { type: 'array', items: {} }, ...scalars],
})
