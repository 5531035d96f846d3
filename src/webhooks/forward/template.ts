import { HubError } from '../../core/errors.ts'
import type { StoredEvent } from '../../core/event.ts'
import { MAX_JSON_DEPTH, requireJsonDepth } from '../../core/json-depth.ts'
import { Filling, fill, type Piece, parseExact, piecesOf } from './placeholder.ts'

/** How what is filled in is kept from becoming more than a value. */
export type TemplateForm = 'json' | 'form' | 'text'

const JSON_TYPE = /^\s*application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i
const FORM_TYPE = /^\s*application\/x-www-form-urlencoded\s*(?:;|$)/i
/** How JSON begins and text hardly ever does: not `{{topic}}`, and not `[{{topic}}]`. */
const JSON_BEGINNING = /^\s*(?:\{(?!\{)|\[\s*(?:["[\]]|\{(?!\{)))/

/**
 * The body of a forward. One that is JSON is parsed here, once: an event fills strings in it and can never change what
 * is around them. A string that is one placeholder alone becomes the value itself.
 */
export class Template {
  readonly form: TemplateForm
  /** Literal text, and what fills the places between. */
  readonly #parts: readonly (string | ((filling: Filling) => string))[]

  /** @param contentType of the headers, if they say. @throws HubError `invalid-config` */
  constructor(text: string, contentType: string | undefined) {
    const { value, isJson } = parsed(text)
    if (isJson) {
      const parts: (string | ((filling: Filling) => string))[] = []
      addJson(value, parts)
      this.#parts = parts
      this.form = 'json'
      return
    }
    if (JSON_BEGINNING.test(text) || (contentType !== undefined && JSON_TYPE.test(contentType))) throw notJson()
    this.form = contentType !== undefined && FORM_TYPE.test(contentType) ? 'form' : 'text'
    const encode =
      this.form === 'form' ? (part: string) => encodeURIComponent(part.toWellFormed()) : (part: string) => part
    this.#parts = piecesOf(text).map((piece) =>
      typeof piece === 'string' ? piece : (filling) => encode(piece.text(filling)),
    )
  }

  fill(event: StoredEvent): string {
    const filling = new Filling(event)
    return this.#parts.map((part) => (typeof part === 'string' ? part : part(filling))).join('')
  }
}

function notJson(): HubError {
  return new HubError(
    'invalid-config',
    'The template begins like JSON, or is sent as JSON, and is none; placeholders in JSON stand between quotes, such as {"text": "{{data}}"}.',
  )
}

function parsed(text: string): { value: unknown; isJson: boolean } {
  try {
    requireJsonDepth(text, MAX_JSON_DEPTH)
    return { value: parseExact(text), isJson: true }
  } catch (error) {
    if (error instanceof HubError) throw new HubError('invalid-config', error.message, { cause: error })
    if (error instanceof SyntaxError) return { value: undefined, isJson: false }
    throw error
  }
}

type Parts = (string | ((filling: Filling) => string))[]

function addJson(value: unknown, parts: Parts): void {
  if (typeof value === 'string') addText(piecesOf(value), value, parts)
  else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      parts.push(index === 0 ? '[' : ',')
      addJson(item, parts)
    }
    parts.push(value.length === 0 ? '[]' : ']')
  } else if (typeof value === 'object' && value !== null && !isRawJson(value)) {
    const pairs = Object.entries(value)
    for (const [index, [name, item]] of pairs.entries()) {
      if (name.includes('{{')) {
        throw new HubError(
          'invalid-config',
          'A placeholder fills a value, never a name of the template; write the name.',
        )
      }
      parts.push(`${index === 0 ? '{' : ','}${JSON.stringify(name)}:`)
      addJson(item, parts)
    }
    parts.push(pairs.length === 0 ? '{}' : '}')
  } else parts.push(JSON.stringify(value))
}

function addText(pieces: readonly Piece[], text: string, parts: Parts): void {
  const [first] = pieces
  if (pieces.length === 1 && first !== undefined && typeof first !== 'string')
    parts.push((filling) => first.json(filling))
  else if (pieces.some((piece) => typeof piece !== 'string')) {
    parts.push((filling) => JSON.stringify(fill(pieces, filling)))
  } else parts.push(JSON.stringify(text))
}

function isRawJson(value: object): boolean {
  return (JSON as typeof JSON & { isRawJSON(value: unknown): boolean }).isRawJSON(value)
}
