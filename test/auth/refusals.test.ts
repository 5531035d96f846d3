import { expect, test } from 'bun:test'
import { invalidCredential } from '../../src/auth/credential-error.ts'
import { checkOf, Refusals } from '../../src/auth/refusals.ts'
import { HubError } from '../../src/core/errors.ts'

const route = 'POST /events/…'

test('the operator reads which check failed, once in ten seconds with a count of the others', () => {
  const lines: string[] = []
  let now = 0
  const refusals = new Refusals(
    (line) => lines.push(line),
    () => now,
  )
  const signature = {
    code: 'credential-invalid',
    check: 'signature',
    route,
    principal: undefined,
    address: () => '203.0.113.9',
  } as const
  for (let index = 0; index < 1000; index++) refusals.note(signature)
  refusals.note({ code: 'forbidden', check: undefined, route, principal: 'key:ci', address: () => '' })
  expect(lines).toEqual([
    'refused credential-invalid (signature): POST /events/… from 203.0.113.9',
    'refused forbidden: POST /events/… by key:ci',
  ])
  now = 10_000
  refusals.note(signature)
  expect(lines[2]).toBe(
    'refused credential-invalid (signature): POST /events/… from 203.0.113.9, and 999 like it since the last line',
  )
})

test('a check is named where a credential failed one', () => {
  expect(checkOf(invalidCredential('kid', 'x'))).toBe('kid')
  expect(checkOf(new HubError('forbidden', 'x'))).toBeUndefined()
})
