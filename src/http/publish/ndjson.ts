import { draftFrom } from '../../core/draft.ts'
import { HubError } from '../../core/errors.ts'
import type { Draft } from '../../core/event.ts'
import { MAX_JSON_DEPTH, requireJsonDepth } from '../../core/json-depth.ts'
import { reason } from './json.ts'
import { linePlace, type Publication, refusalAt, requireBatchSize } from './publication.ts'

const DEPTH = MAX_JSON_DEPTH + 1
const BLANK = /^[ \t\r]*$/

/**
 * `application/x-ndjson`: one event object a line; blank lines are skipped but counted. Always answered as a batch.
 * The hot path of bulk publishing, at 1.3 µs a line of 200 bytes: no closure and no pointer text for a good line.
 */
export function publicationFromNdjson(text: string): Publication {
  const drafts: Draft[] = []
  const lines: number[] = []
  let number = 0
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start)
    const end = newline === -1 ? text.length : newline
    const line = text.slice(start, end)
    start = end + 1
    number++
    if (line.charCodeAt(0) !== 0x7b && BLANK.test(line)) continue
    requireBatchSize(drafts.length + 1)
    try {
      requireJsonDepth(line, DEPTH)
      drafts.push(draftFrom(JSON.parse(line)))
    } catch (error) {
      throw refusalAt(linePlace(number), refusalOf(error))
    }
    lines.push(number)
  }
  requireBatchSize(drafts.length)
  return { drafts, place: (index) => linePlace(lines[index] ?? 0) }
}

function refusalOf(error: unknown): unknown {
  if (!(error instanceof SyntaxError)) return error
  return new HubError('invalid-json', `This is not JSON: ${reason(error)}`, { cause: error })
}
