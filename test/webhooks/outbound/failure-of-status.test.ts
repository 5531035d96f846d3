import { expect, test } from 'bun:test'
import { failureOfStatus } from '../../../src/webhooks/outbound/failure-of-status.ts'

test.each([
  [300, 'http_4xx'],
  [308, 'http_4xx'],
  [400, 'http_4xx'],
  [499, 'http_4xx'],
  [500, 'http_5xx'],
  [599, 'http_5xx'],
] as const)('status %d is told as %s', (status, failure) => {
  expect(failureOfStatus(status)).toBe(failure)
})
