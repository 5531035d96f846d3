import { draftFrom, draftFromBody } from '../../core/draft.ts'
import { HubError } from '../../core/errors.ts'
import type { Draft } from '../../core/event.ts'
import { didYouMean } from '../../core/suggest.ts'

const REQUIRED = ['specversion', 'id', 'source', 'type'] as const

/** The attributes of CloudEvents 1.0 that an event here keeps. Others (extensions too) are checked by nobody and not kept. */
interface Attributes {
  topic: string
  type: string
  id: string
  time: string | null
}

/**
 * CloudEvents 1.0 in structured mode. Identity is `source` and `id` together (CloudEvents 1.0.2 section 3.1.1), so the
 * stored id is `source#id`; the topic is `asked`, else the source and `/subject`. No `data` is null.
 * `data_base64` is what a raw body of those bytes would be: JSON, else UTF-8 text.
 * @throws HubError `invalid-event` and those of `draftFrom`
 */
export function draftFromCloudEvent(value: unknown, asked: string | undefined): Draft {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new HubError('invalid-event', 'A CloudEvent is a JSON object with specversion, id, source and type.')
  }
  const event = value as Record<string, unknown>
  const { topic, type, id, time } = attributesOf((name) => event[name], Object.keys(event), asked)
  if (event.data_base64 === undefined) {
    return draftFrom({ topic, type, id, ...(time === null ? {} : { time }), data: event.data ?? null })
  }
  if (event.data !== undefined) {
    throw new HubError('invalid-event', 'A CloudEvent has data or data_base64, not both.', { pointer: '/data_base64' })
  }
  return draftFromBody({ topic, type, id, time, body: textOf(event.data_base64) })
}

/** Binary mode of the HTTP binding: attributes in percent-encoded `ce-` headers, the body is the data. */
export function draftFromCloudEventHeaders(headers: Headers, body: string, asked: string | undefined): Draft {
  const names = [...headers.keys()].filter((name) => name.startsWith('ce-')).map((name) => name.slice(3))
  const attribute = (name: string): unknown => {
    const text = headers.get(`ce-${name}`)
    if (text === null) return undefined
    try {
      return decodeURIComponent(text)
    } catch (error) {
      throw refused(name, `The header ce-${name} is not percent-encoded UTF-8.`, error)
    }
  }
  return draftFromBody({ ...attributesOf(attribute, names, asked), body })
}

function attributesOf(
  attribute: (name: string) => unknown,
  names: readonly string[],
  asked: string | undefined,
): Attributes {
  for (const name of REQUIRED) {
    const value = attribute(name)
    if (typeof value === 'string' && value !== '') continue
    const typed = value === undefined ? names.find((other) => didYouMean(other, [name]) !== '') : undefined
    const hint = typed === undefined ? '' : ` You sent ${JSON.stringify(typed)}.`
    throw refused(name, `A CloudEvent has ${name}, a string that is not empty.${hint}`)
  }
  if (attribute('specversion') !== '1.0')
    throw refused('specversion', 'Only CloudEvents with specversion "1.0" are taken.')
  const source = attribute('source') as string
  const subject = optionalText(attribute, 'subject')
  return {
    topic: asked ?? (subject === null ? source : `${source}/${subject}`),
    type: attribute('type') as string,
    id: `${source}#${attribute('id') as string}`,
    time: optionalText(attribute, 'time'),
  }
}

function optionalText(attribute: (name: string) => unknown, name: string): string | null {
  const value = attribute(name)
  if (value === undefined || value === null || value === '') return null
  if (typeof value === 'string') return value
  throw refused(name, `The ${name} of a CloudEvent is a string.`)
}

function textOf(base64: unknown): string {
  const bytes =
    typeof base64 === 'string' && /^[A-Za-z0-9+/]*={0,2}$/.test(base64) ? Buffer.from(base64, 'base64') : null
  if (bytes === null) throw refused('data_base64', 'data_base64 is a base64 string.')
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw refused('data_base64', 'Binary data that is not UTF-8 is not taken; send its base64 text as data.', error)
  }
}

function refused(name: string, message: string, cause?: unknown): HubError {
  return new HubError('invalid-event', message, { pointer: `/${name}`, cause })
}
