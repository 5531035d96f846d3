import { expect, test } from 'bun:test'
import { type ErrorCode, HubError } from '../../src/core/errors.ts'
import { type Problem, problemOf } from '../../src/http/problem.ts'

const words = 'disk I/O error at /srv/data/events.db'

async function seen(error: unknown) {
  const reported: unknown[] = []
  const response = problemOf(error, (each) => reported.push(each))
  return { problem: (await response.json()) as Problem, reported }
}

test.each<ErrorCode>(['log-failed', 'log-corrupt', 'log-newer', 'log-unwritable', 'log-locked', 'internal'])(
  '%s keeps its words for the operator',
  async (code) => {
    const error = new HubError(code, words)
    const { problem, reported } = await seen(error)
    expect(problem.code).toBe(code)
    expect(problem.detail).not.toContain('disk')
    expect(problem.detail).toContain('log says why')
    expect(reported).toEqual([error])
  },
)

test.each<ErrorCode>(['invalid-topic', 'overloaded', 'log-closed', 'disk-full'])(
  '%s tells the client what to do, and is nothing to report',
  async (code) => {
    const { problem, reported } = await seen(new HubError(code, 'Do this.'))
    expect(problem.detail).toBe('Do this.')
    expect(reported).toEqual([])
  },
)

test('what is no refusal shows nothing of itself', async () => {
  const error = new TypeError(words)
  const { problem, reported } = await seen(error)
  expect([problem.code, problem.detail]).toEqual(['internal', 'The server failed; its log says why.'])
  expect(reported).toEqual([error])
})
