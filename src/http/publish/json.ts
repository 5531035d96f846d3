import { draftFrom } from '../../core/draft.ts'
import { HubError } from '../../core/errors.ts'
import type { Draft } from '../../core/event.ts'
import { MAX_JSON_DEPTH, requireJsonDepth } from '../../core/json-depth.ts'
import { eventPlace, type Publication, refusalAt, requireBatchSize } from './publication.ts'

/** @throws HubError `invalid-json` */
export function parseJson(text: string): unknown {
  // An event object is one level more than its data, an array of them two.
  requireJsonDepth(text, MAX_JSON_DEPTH + (/^[ \t\r\n]*\[/.test(text) ? 2 : 1))
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new HubError('invalid-json', `The body is not JSON: ${reason(error)}`, { cause: error })
  }
}

/** `application/json`: one event object, or an array of them. `make` turns one value into one draft. */
export function publicationFromJson(text: string, make: (value: unknown) => Draft = draftFrom): Publication {
  const value = parseJson(text)
  return Array.isArray(value) ? publicationFromArray(value, make) : { drafts: [make(value)], place: undefined }
}

export function publicationFromArray(values: readonly unknown[], make: (value: unknown) => Draft): Publication {
  requireBatchSize(values.length)
  const drafts = values.map((value, index) => {
    try {
      return make(value)
    } catch (error) {
      throw refusalAt(eventPlace(index), error)
    }
  })
  return { drafts, place: eventPlace }
}

/** The runtime's words without its prefix: `Unexpected identifier "x".` */
export function reason(error: unknown): string {
  const words = error instanceof Error ? error.message.replace(/^JSON Parse error: /, '') : 'it cannot be parsed'
  return `${words.slice(0, 120).toWellFormed().replace(/\.$/, '')}.`
}
