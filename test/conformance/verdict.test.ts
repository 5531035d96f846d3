import { expect, test } from 'bun:test'
import type { Check } from './suite.ts'
import { verdictOf } from './verdict.ts'

const check = (status: Check['status']): Check => ({ id: 'one-check', description: 'It holds', status })
const run = (name: string, ...statuses: Check['status'][]) => ({
  exitCode: 0,
  scenarios: [{ name, checks: statuses.map(check) }],
})

test('one failed check among many fails the run and is named', () => {
  const { failed, passed, failures } = verdictOf(run('tools-list', 'SUCCESS', 'FAILURE', 'SUCCESS'))
  expect({ failed, passed }).toEqual({ failed: 1, passed: 2 })
  expect(failures).toEqual(['FAILURE tools-list, one-check: It holds'])
})

test('a warning fails the run', () => {
  expect(verdictOf(run('server-stateless', 'SUCCESS', 'WARNING')).failed).toBe(1)
})

test('the tasks extension may fail, and nothing that is only named like it', () => {
  expect(verdictOf(run('tasks-lifecycle', 'FAILURE', 'SUCCESS'))).toMatchObject({ failed: 0, letOff: 1, passed: 1 })
  expect(verdictOf(run('tasks-of-another-kind', 'FAILURE')).failed).toBe(1)
})

test('an exit code that no check explains fails the run', () => {
  expect(verdictOf({ ...run('ping', 'SUCCESS'), exitCode: 1 }).failed).toBe(1)
})

test('a scenario that checked nothing is said, and has not passed', () => {
  expect(verdictOf(run('server-sse-polling', 'INFO'))).toMatchObject({
    passed: 0,
    failed: 0,
    idle: ['server-sse-polling'],
  })
})
