import { expect, test } from 'bun:test'
import { exitCodeOf } from '../../src/cli/exit.ts'
import { errorCodes } from '../../src/core/errors.ts'

test('every error code ends in one of the documented exit codes, and never in success', () => {
  expect(errorCodes.filter((code) => ![1, 2, 74, 78].includes(exitCodeOf(code)))).toEqual([])
})
