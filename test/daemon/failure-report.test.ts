import { expect, test } from 'bun:test'
import { HubError } from '../../src/core/errors.ts'
import { reportTo } from '../../src/daemon/failure-report.ts'
import type { LogFields } from '../../src/daemon/log-lines.ts'

function reports(now = () => 0) {
  const said: [level: string, line: string, fields: LogFields | undefined][] = []
  const report = reportTo(
    {
      warn: (line, fields) => said.push(['warn', line, fields]),
      error: (line, fields) => said.push(['error', line, fields]),
    },
    now,
  )
  return { report, said }
}

function reported(error: unknown, request?: string) {
  const { report, said } = reports()
  report(error, request)
  return said
}

test('a damaged log that every reader meets is a line in ten seconds, with how many met it', () => {
  let now = 0
  const { report, said } = reports(() => now)
  const damage = new HubError('log-corrupt', 'The event log is damaged.')
  for (let reader = 0; reader < 30; reader++) report(damage, `req_${reader}`)
  const issuer = new HubError('issuer-unavailable', 'No answer.')
  report(issuer)
  report(issuer)
  now = 10_000
  report(damage)
  expect(said.map(([, line]) => line)).toEqual([
    'The event log is damaged.',
    'No answer.',
    'No answer.',
    'The event log is damaged. (And 29 times more since the last line.)',
  ])
})

test('what was foreseen is a warning in its own words', () => {
  expect(reported(new HubError('issuer-unavailable', 'The issuer does not answer.'))).toEqual([
    ['warn', 'The issuer does not answer.', { about: 'trouble', code: 'issuer-unavailable', request: undefined }],
  ])
})

test('a bug is an error with its stack and the request it happened in, and its line is one line', () => {
  const bug = new TypeError('x is not a function')
  expect(reported(bug, 'req_1')).toEqual([
    [
      'error',
      'internal error: TypeError: x is not a function',
      { about: 'failure', code: 'internal', request: 'req_1', stack: bug.stack },
    ],
  ])
  expect(reported('thrown text')[0]?.[1]).toBe('internal error: thrown text')
})
