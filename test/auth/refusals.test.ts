import { expect, test } from 'bun:test'
import { invalidCredential } from '../../src/auth/credential-error.ts'
import { checkOf, Refusals } from '../../src/auth/refusals.ts'
import { HubError } from '../../src/core/errors.ts'

const route = 'POST /events/…'

/** Everything that was written, and the fields of the last line. */
function written(wantsEach = false) {
  const lines: string[] = []
  let fields: unknown
  let now = 0
  const write = (line: string, about: unknown) => {
    lines.push(line)
    fields = about
  }
  const each = (line: string, about: unknown) => write(`each: ${line}`, about)
  const refusals = new Refusals({ notable: write, each, wantsEach: () => wantsEach }, () => now)
  return {
    refusals,
    lines,
    fields: () => fields,
    pass: (ms: number) => {
      now += ms
    },
  }
}

const signature = {
  code: 'credential-invalid',
  check: 'signature',
  route,
  principal: undefined,
  address: () => '203.0.113.9',
  request: 'req_1',
} as const
const forbidden = { ...signature, code: 'forbidden', check: undefined, principal: 'key:ci', address: () => '' } as const

test('the operator reads which check failed, once in ten seconds with a count of the others', () => {
  const { refusals, lines, fields, pass } = written()
  for (let index = 0; index < 1000; index++) refusals.note(signature)
  refusals.note(forbidden)
  expect(lines).toEqual([
    'refused credential-invalid (signature): POST /events/… from 203.0.113.9',
    'refused forbidden: POST /events/… by key:ci',
  ])
  pass(10_000)
  refusals.note(signature)
  expect(lines[2]).toBe(
    'refused credential-invalid (signature): POST /events/… from 203.0.113.9, and 999 like it since the last line',
  )
  expect(fields()).toEqual({
    about: 'refusal',
    code: 'credential-invalid',
    check: 'signature',
    route,
    principal: undefined,
    address: '203.0.113.9',
    more: 999,
    request: 'req_1',
  })
})

test('who wants to see each refusal sees each, so that the id a user quotes is in the log', () => {
  const { refusals, lines, fields } = written(true)
  refusals.note(signature)
  refusals.note({ ...signature, request: 'req_2' })
  expect(lines).toHaveLength(2)
  expect(lines[1]).toStartWith('each: refused credential-invalid (signature)')
  expect(fields()).toMatchObject({ request: 'req_2' })
  refusals.detail(forbidden)
  expect(lines).toHaveLength(3)
})

test('what was only asked wrongly is nobody’s to read unless each refusal is wanted', () => {
  const { refusals, lines } = written()
  refusals.detail({ ...forbidden, code: 'invalid-topic' })
  expect(lines).toEqual([])
})

test('a check is named where a credential failed one', () => {
  expect(checkOf(invalidCredential('kid', 'x'))).toBe('kid')
  expect(checkOf(new HubError('forbidden', 'x'))).toBeUndefined()
})
