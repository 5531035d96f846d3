import { expect, test } from 'bun:test'
import { HubError } from '../../src/core/errors.ts'
import { reportTo } from '../../src/daemon/failure-report.ts'
import type { LogFields } from '../../src/daemon/log-lines.ts'

function reported(error: unknown, request?: string) {
  const said: [level: string, line: string, fields: LogFields | undefined][] = []
  const report = reportTo({
    warn: (line, fields) => said.push(['warn', line, fields]),
    error: (line, fields) => said.push(['error', line, fields]),
  })
  report(error, request)
  return said
}

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
