import { expect, test } from 'bun:test'
import { LineDecoder } from '../../src/cli/line-decoder.ts'

/** What `readLines` does with it: the lines before a chunk are those that are complete. */
function decoded(chunks: readonly Uint8Array[]): string {
  const decoder = new LineDecoder()
  let text = ''
  const before = () => text.split('\n').length - 1
  for (const chunk of chunks) text += decoder.decode(chunk, before())
  return text + decoder.decode(undefined, before())
}

function inChunks(bytes: Uint8Array, size: number): Uint8Array[] {
  const chunks: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size))
  return chunks
}

const SIZES = [1, 2, 3, 4, 5, 7, 100]

test.each(SIZES)('text comes as it is in chunks of %d', (size) => {
  const text = 'a\né\n€uro\n𝒳𝒳\n\n'
  expect(decoded(inChunks(Buffer.from(text), size))).toBe(text)
})

test.each(SIZES)('the line of what is not UTF-8 is named, in chunks of %d', (size) => {
  const start = Buffer.from('a\n€\n𝒳x')
  const faults = ['ff', 'c3', 'e282', 'f09d92', '80', 'c0af', 'eda080']
  for (const fault of faults) {
    for (const end of ['', '\n', '\nmore\nof it\n']) {
      const bytes = Buffer.concat([start, Buffer.from(fault, 'hex'), Buffer.from(end)])
      expect(() => decoded(inChunks(bytes, size))).toThrow('stdin is not UTF-8 text in line 3.')
    }
  }
})
