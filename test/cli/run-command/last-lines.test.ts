import { expect, test } from 'bun:test'
import { LastLines } from '../../../src/cli/run-command/last-lines.ts'
import { secret } from '../../support/secrets.ts'

function linesOf(...chunks: (string | Uint8Array)[]): string[] {
  const lines = new LastLines()
  const take = lines.output()
  for (const chunk of chunks) take(typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk)
  return lines.lines
}

test('the newest twenty lines are kept, also the one that did not end', () => {
  const text = Array.from({ length: 30 }, (_, number) => `line ${number}`).join('\n')
  const lines = linesOf(text)
  expect([lines.length, lines[0], lines.at(-1)]).toEqual([20, 'line 10', 'line 29'])
})

test('lines of two outputs are in the order in which they ended, and never mixed', () => {
  const lines = new LastLines()
  const [out, err] = [lines.output(), lines.output()]
  const bytes = (text: string) => new TextEncoder().encode(text)
  out(bytes('one, '))
  err(bytes('oops\n'))
  out(bytes('two\n'))
  expect(lines.lines).toEqual(['oops', 'one, two'])
})

test('colours, controls and turned text are gone, and of a progress bar the last state is left', () => {
  expect(linesOf('\u001b[31mred\u001b[0m\u0007\tx\u202e\r\n', '10%\r50%\r100%\n', '\u001b]0;title\u0007done')).toEqual([
    'red x',
    '100%',
    'done',
  ])
})

test('a character that is cut between two chunks is whole', () => {
  const bytes = new TextEncoder().encode('naïve\n')
  expect(linesOf(bytes.slice(0, 3), bytes.slice(3))).toEqual(['naïve'])
})

test('all lines together are at most 8 KiB, and of one that is longer the end is kept', () => {
  const wide = linesOf(`${'ä'.repeat(3000)}\n`.repeat(5))
  expect(wide).toEqual(['ä'.repeat(3000)])
  const [long, ...more] = linesOf(`${'x'.repeat(100_000)}ü€end`)
  expect(more).toEqual([])
  expect(long).toEndWith('xü€end')
  expect(Buffer.byteLength(long!)).toBeLessThanOrEqual(8192)
  expect(Buffer.byteLength(long!)).toBeGreaterThan(8000)
})

test('no part of the secret is kept, however it lies across chunks, colours and the 8 KiB', () => {
  const key = secret()
  const half = key.length >> 1
  const writes: string[][] = [
    [`${key}${'x'.repeat(8192 - half)}`],
    [`${key}${'x'.repeat(8192 - half)}\n`],
    [key.slice(0, half), `${key.slice(half)}${'x'.repeat(8192 - half)}`],
    ['y'.repeat(10_000) + key.slice(0, half), `${key.slice(half)} end\n`],
    [`${key.slice(0, half)}\u001b[0m${key.slice(half)}${'x'.repeat(8192 - half)}\n`],
  ]
  for (const chunks of writes) {
    const lines = new LastLines(key)
    const take = lines.output()
    for (const chunk of chunks) take(new TextEncoder().encode(chunk))
    const kept = lines.lines.join('\n')
    for (const part of [key.slice(0, half), key.slice(half)]) expect(kept.includes(part)).toBe(false)
  }
})
