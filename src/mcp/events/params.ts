import { ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/server'
import * as z from 'zod'
import { quoted } from '../../core/suggest.ts'

/** Absent and null are the same everywhere; members that are not here are let be (SEP-3415, both). */
const milliseconds = z.int().min(0).nullish()

const listParams = z.looseObject({ cursor: z.string().nullish() })

const asked = {
  name: z.string().min(1),
  arguments: z.record(z.string(), z.unknown()).nullish(),
  cursor: z.string().nullish(),
  maxAgeMs: milliseconds,
}

const streamParams = z.looseObject(asked)

const pollParams = z.looseObject({ ...asked, maxEvents: z.int().min(1).nullish(), timeoutMs: milliseconds })

/** Any number of milliseconds, 1e999 too: what is too short or too long is granted as the nearest there is (SEP-3415). */
const ttl = z.custom<number>(
  (value) => typeof value === 'number' && (Number.isInteger(value) || !Number.isFinite(value)),
  'expected an integer or null',
)

const subscribeParams = z.looseObject({
  ...asked,
  delivery: z.looseObject({ mode: z.string().nullish(), url: z.string(), secret: z.string() }),
  ttlMs: ttl.nullish(),
})

const { name, arguments: values } = asked

const unsubscribeParams = z.looseObject({ name, arguments: values, delivery: z.looseObject({ url: z.string() }) })

export type ListParams = z.output<typeof listParams>
export type StreamParams = z.output<typeof streamParams>
export type PollParams = z.output<typeof pollParams>
export type SubscribeParams = z.output<typeof subscribeParams>
export type UnsubscribeParams = z.output<typeof unsubscribeParams>

export function listParamsOf(params: unknown): ListParams {
  return checked(listParams, params)
}

export function streamParamsOf(params: unknown): StreamParams {
  return checked(streamParams, params)
}

export function pollParamsOf(params: unknown): PollParams {
  return checked(pollParams, params)
}

export function subscribeParamsOf(params: unknown): SubscribeParams {
  return checked(subscribeParams, params)
}

export function unsubscribeParamsOf(params: unknown): UnsubscribeParams {
  return checked(unsubscribeParams, params)
}

/** @throws ProtocolError -32602 */
function checked<Params>(schema: z.ZodType<Params>, params: unknown): Params {
  const result = schema.safeParse(params)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const field = issue?.path.join('.') ?? ''
  throw badParams(field, `The parameter ${quoted(field)} is not as the extension has it: ${issue?.message}.`)
}

export function badParams(field: string, sentence: string): ProtocolError {
  return new ProtocolError(ProtocolErrorCode.InvalidParams, sentence, { field })
}
