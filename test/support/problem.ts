import { expect } from 'bun:test'
import type { ErrorCode } from '../../src/core/errors.ts'
import type { Problem } from '../../src/http/problem.ts'

/** Expects `response` to be a problem document with this code, and returns it. */
export async function expectProblem(
  response: Response,
  status: number,
  code: ErrorCode,
  pointer?: string,
): Promise<Problem> {
  const text = await response.text()
  expect({ status: response.status, type: response.headers.get('content-type'), text }).toEqual({
    status,
    type: 'application/problem+json',
    text: expect.stringContaining(`"code":"${code}"`),
  })
  const problem = JSON.parse(text) as Problem
  expect(problem).toMatchObject({ type: 'about:blank', status, code, title: expect.any(String) })
  expect(problem.pointer).toBe(pointer!)
  // A sentence for a person, without the words of a stack.
  expect(problem.detail).toMatch(/^[A-Za-z].{10,300}[.?\w]$/s)
  expect(problem.detail).not.toMatch(/\bat .*:\d+:\d+|node_modules|undefined/)
  return problem
}
