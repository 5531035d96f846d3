import { expect, test } from 'bun:test'
import { createLogLines } from '../../src/daemon/log-lines.ts'

test.each([
  ['debug', ['0', 'a', 'b', 'c']],
  ['info', ['a', 'b', 'c']],
  ['warn', ['b', 'c']],
  ['error', ['c']],
] as const)('at level %s only what is as severe is written', (level, expected) => {
  const written: string[] = []
  const lines = createLogLines({ level, write: (line) => written.push(line) })
  lines.debug('0')
  lines.info('a')
  lines.warn('b')
  lines.error('c')
  expect(written).toEqual([...expected])
})
