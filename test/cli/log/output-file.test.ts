import { expect, test } from 'bun:test'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeOutput } from '../../../src/cli/log/output-file.ts'
import { rejection, settled } from '../../support/settled.ts'
import { tempDir } from '../../support/temp-dir.ts'

test('what is interrupted leaves the file that was there, and nothing else', async () => {
  using dir = tempDir()
  const file = join(dir.path, 'events')
  writeFileSync(file, 'old')
  const interrupt = new AbortController()
  const beside: string[][] = []
  const lines = function* () {
    yield 'one\n'
    beside.push(readdirSync(dir.path).sort())
    // As a signal comes: between two turns of the event loop.
    setImmediate(() => interrupt.abort())
    for (let number = 0; number < 1_000; number++) yield 'more\n'
  }
  expect(await rejection(writeOutput(file, lines(), () => interrupt.signal))).toMatchObject({ code: 'log-closed' })
  expect(beside).toEqual([[expect.stringMatching(/^\.mcp-sse-export\.[0-9a-f]{16}\.unfinished$/), 'events']])
  expect(readdirSync(dir.path)).toEqual(['events'])
  expect(readFileSync(file, 'utf8')).toBe('old')
})

test('what the lines throw leaves nothing', async () => {
  using dir = tempDir()
  const lines = function* () {
    yield 'one\n'
    throw new Error('the log broke')
  }
  const never = () => new AbortController().signal
  expect(await settled(writeOutput(join(dir.path, 'events'), lines(), never))).toThrow('the log broke')
  expect(readdirSync(dir.path)).toEqual([])
})
