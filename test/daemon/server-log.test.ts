import { expect, test } from 'bun:test'
import { fstatSync } from 'node:fs'
import { placeOfStderr, ServerLog } from '../../src/daemon/server-log.ts'

function serverLog() {
  const written: string[] = []
  const log = new ServerLog(
    { logLevel: 'info', logFormat: 'text' },
    { write: async (text) => void written.push(text), place: 'journal', now: () => Date.UTC(2026, 10, 22) },
  )
  return { log, written }
}

test('a reload changes level and form for the lines from then on', async () => {
  const { log, written } = serverLog()
  log.lines.info('a')
  log.lines.debug('b')
  log.set({ logLevel: 'debug', logFormat: 'json' })
  log.lines.debug('c', { about: 'test' })
  expect(await log.settle(1000)).toBe(true)
  expect(written).toEqual([
    '<6>a\n',
    '<7>{"time":"2026-11-22T00:00:00.000Z","level":"debug","msg":"c","about":"test"}\n',
  ])
})

test('stderr is the journal only if it is what JOURNAL_STREAM names: children of a service inherit the variable', () => {
  const { dev, ino } = fstatSync(2, { bigint: true })
  expect(placeOfStderr({ JOURNAL_STREAM: `${dev}:${ino}` }, false)).toBe('journal')
  expect(placeOfStderr({ JOURNAL_STREAM: `${dev}:${ino + 1n}` }, false)).toBe('elsewhere')
  expect(placeOfStderr({}, false)).toBe('elsewhere')
  expect(placeOfStderr({ JOURNAL_STREAM: `${dev}:${ino}` }, true)).toBe('terminal')
})
