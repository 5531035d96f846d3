import { oneLine } from '../../core/one-line.ts'
import { parseExact } from '../client/exact-json.ts'
import { displayLine, type ShownEvent } from '../display.ts'
import type { Io } from '../io.ts'
import { isGap, noticeOf } from './notice.ts'
import type { Reaction } from './reaction.ts'
import type { Taken } from './source.ts'
import type { StateFile } from './state-file.ts'

export interface Taking {
  source: AsyncIterable<readonly Taken[]>
  /** Events at most. */
  count: number
  state: StateFile | undefined
  stop: AbortSignal
}

/** Prints every event, the events of a chunk in one write; the place moves on when they were taken. */
export async function print({ source, count, state }: Taking, json: boolean, io: Io): Promise<void> {
  let left = count
  for await (const items of source) {
    let text = ''
    let reached: string | undefined
    for (const item of items) {
      if (item.kind === 'event') {
        if (left-- <= 0) break
        text += json ? `${oneLine(item.json)}\n` : displayLine(parseExact(item.json) as ShownEvent)
      } else {
        const notice = noticeOf(item)
        if (notice) await io.stderr.write(`mcp-sse: ${notice}\n`)
      }
      reached = cursorOf(item) ?? reached
      // Where a first run began is kept before what follows is printed: the reader may take its time.
      if (text === '' && reached !== undefined) state?.reach({ cursor: reached, gap: false })
    }
    if (text) await io.stdout.write(text)
    if (reached !== undefined) state?.reach({ cursor: reached, gap: false })
    if (left <= 0) return
  }
}

/** Runs the command for every event, one after the other; the place moves on when one was dealt with. */
export async function react({ source, count, state, stop }: Taking, reaction: Reaction, io: Io): Promise<void> {
  let left = count
  for await (const items of source) {
    for (const item of items) {
      if (stop.aborted) return
      const cursor = cursorOf(item)
      if (item.kind === 'event') {
        if (!(await reaction.to(item.json, item.cursor))) return
        state?.save({ cursor: item.cursor, gap: reaction.gap })
        if (--left <= 0) return
        continue
      }
      const notice = noticeOf(item)
      if (notice) await io.stderr.write(`mcp-sse: ${notice}\n`)
      if (isGap(item)) reaction.gap = true
      if (cursor !== undefined) state?.reach({ cursor, gap: reaction.gap })
    }
  }
}

function cursorOf(item: Taken): string | undefined {
  return 'cursor' in item && item.cursor !== '' ? item.cursor : undefined
}
