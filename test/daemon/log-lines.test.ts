import { expect, test } from 'bun:test'
import { createLogLines } from '../../src/daemon/log-lines.ts'

function linesAt(level: 'debug' | 'info' | 'warn' | 'error') {
  const written: string[] = []
  return { written, lines: createLogLines({ level, write: (line) => written.push(line) }) }
}

test.each([
  ['debug', ['0', 'a', 'b', 'c']],
  ['info', ['a', 'b', 'c']],
  ['warn', ['b', 'c']],
  ['error', ['c']],
] as const)('at level %s only what is as severe is written', (level, expected) => {
  const { written, lines } = linesAt(level)
  lines.debug('0')
  lines.info('a')
  lines.warn('b')
  lines.error('c')
  expect(written).toEqual([...expected])
})

test('the level may change while it runs', () => {
  const { written, lines } = linesAt('warn')
  expect(lines.wants('info')).toBe(false)
  lines.info('a')
  lines.setLevel('debug')
  expect(lines.wants('debug')).toBe(true)
  lines.debug('b')
  lines.setLevel('error')
  lines.warn('c')
  expect(written).toEqual(['b'])
})
