import { type JsonObject, ref } from './schemas.ts'

export interface Operation extends JsonObject {
  /** Any one of these schemes. */
  security?: JsonObject[]
}

/** Path → method → operation. */
export type Paths = Record<string, Record<string, Operation>>

export const PUBLIC: JsonObject = { security: [] }
/** Security schemes: any one of these. */
export const READING: JsonObject = security('bearer', 'ticket', 'cookie')
export const RAW_PUBLISHING: JsonObject = security('bearer', 'key', 'cookie')
export const BY_HEADER: JsonObject = security('bearer', 'cookie')

export function operation(summary: string, responses: JsonObject, more: JsonObject = {}): Operation {
  return { summary, ...more, responses: { ...responses, ...problems(403) } }
}

/** In open mode none of them is asked for; there the server is this machine's alone. */
export function security(...schemes: string[]): JsonObject {
  return { security: [{}, ...schemes.map((scheme) => ({ [scheme]: [] }))] }
}

export function problems(...statuses: number[]): JsonObject {
  const problem = { description: 'A problem.', content: { 'application/problem+json': { schema: ref('Problem') } } }
  return Object.fromEntries(statuses.map((status) => [status, problem]))
}

export function json(description: string, schema: JsonObject): JsonObject {
  return { description, content: { 'application/json': { schema } } }
}

export function query(name: string, description: string, schema: JsonObject = { type: 'string' }): JsonObject {
  return { name, in: 'query', description, schema }
}

export function header(name: string, description: string): JsonObject {
  return { name, in: 'header', description, schema: { type: 'string' } }
}

export function path(name: string, description: string): JsonObject {
  return { name, in: 'path', required: true, description, schema: { type: 'string' } }
}
