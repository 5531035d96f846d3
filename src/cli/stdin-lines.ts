import { MAX_BODY_BYTES } from '../http/body.ts'
import { CommandFailure } from './failure.ts'
import { isNotUtf8, LineDecoder, notUtf8 } from './line-decoder.ts'

/** Above any line that could be published. */
const MAX_LINE_BYTES = MAX_BODY_BYTES

export interface Line {
  /** From 1. */
  number: number
  text: string
}

/**
 * The lines of a stream that are not empty, by the chunk they arrived in, so that a slow source (`tail -f`) is not held
 * back until there is a full batch. @throws CommandFailure on a line above 8 MiB and on bytes that are not UTF-8.
 */
export async function* readLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<readonly Line[]> {
  const decoder = new LineDecoder()
  let rest = ''
  let number = 0
  const split = (text: string): Line[] => {
    const parts = (rest + text).split('\n')
    rest = parts.pop()!
    return parts
      .map((part) => ({ number: ++number, text: part.replace(/\r$/, '') }))
      .filter((line) => line.text.trim() !== '')
  }
  for await (const chunk of stream) {
    const lines = split(decoder.decode(chunk, number))
    if (rest.length > MAX_LINE_BYTES) {
      throw new CommandFailure(
        `Line ${number + 1} is longer than 8 MiB; the data of an event has at most 252 KiB.`,
        'mcp-sse publish --help',
      )
    }
    if (lines.length > 0) yield lines
  }
  const last = split(`${decoder.decode(undefined, number)}\n`)
  if (last.length > 0) yield last
}

/** All of a stream as text, without the one line break that `echo` puts at its end. */
export async function readText(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let text = ''
  try {
    for await (const chunk of stream) {
      text += decoder.decode(chunk, { stream: true })
      if (text.length > MAX_LINE_BYTES) {
        throw new CommandFailure(
          'The data on stdin is longer than 8 MiB; that of an event has at most 252 KiB.',
          'mcp-sse publish TOPIC - --lines',
        )
      }
    }
    return (text + decoder.decode()).replace(/\r?\n$/, '')
  } catch (error) {
    throw isNotUtf8(error) ? notUtf8('', error) : error
  }
}
