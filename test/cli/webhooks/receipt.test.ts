import { expect, test } from 'bun:test'
import { challengeOf, type Receipt, receiptJson, receiptLine } from '../../../src/cli/webhooks/receipt.ts'

const receipt = (body: string, more: Partial<Receipt> = {}): Receipt => ({
  time: '2026-11-22T12:00:00.000Z',
  status: 204,
  fault: undefined,
  id: 'evt_1',
  subscription: null,
  body,
  ...more,
})
const AT = '2026-11-22 12:00:00Z  '

test('a line says when, how it was answered, its id, and what it is', () => {
  for (const [body, line] of [
    [
      '{"eventId":"evt_1","name":"order.paid","timestamp":"…","data":{"total":99},"cursor":"abc.1"}',
      'order.paid  {"total":99}',
    ],
    ['{"id":"7","topic":"a/b","type":"note","time":"…","data":"text"}', 'a/b  note  text'],
    ['{"type":"gap","cursor":"abc.9"}', 'gap  {"cursor":"abc.9"}'],
    ['{"text":"hello"}', '{"text":"hello"}'],
    ['["a"]', '["a"]'],
    ['12', '12'],
    ['plain text', 'plain text'],
    ['{"topic":"a","type":"n","data":12345678901234567890}', 'a  n  12345678901234567890'],
  ] as const) {
    expect(receiptLine(receipt(body))).toBe(`${AT}204 verified  evt_1  ${line}\n`)
  }
  expect(receiptLine(receipt('', { id: null, fault: 'not signed', status: 401 }))).toBe(
    `${AT}401 not verified (not signed)  -\n`,
  )
})

test('a line is one line, is not endless, and steers no terminal', () => {
  const line = receiptLine(receipt(`\u001b]0;x\u0007\n${'y'.repeat(1000)}`, { id: 'a\u009bb' }))
  expect(line.indexOf('\n')).toBe(line.length - 1)
  expect(line.length).toBeLessThan(300)
  expect(line).not.toMatch(/[\u001b\u0007\u009b]/)
})

test('JSON is one object a line with the body as it came, and a body that is no JSON is text', () => {
  const json = receiptJson(receipt('{"data":\n 12345678901234567890}', { subscription: 'sub_a' }))
  expect(json).toBe(
    '{"time":"2026-11-22T12:00:00.000Z","status":204,"verified":true,"fault":null,"id":"evt_1","subscription":"sub_a","body":{"data":  12345678901234567890}}\n',
  )
  const text = JSON.parse(receiptJson(receipt('a "b"\n', { fault: 'not signed' })))
  expect(text).toMatchObject({ verified: false, fault: 'not signed', body: 'a "b"\n' })
  const deep = '['.repeat(500_000)
  expect(JSON.parse(receiptJson(receipt(deep))).body).toBe(deep)
})

test('only a verification has a challenge', () => {
  expect(challengeOf('{"type":"verification","challenge":"x"}')).toBe('x')
  for (const body of [
    '',
    'null',
    '{"type":"verification"}',
    '{"type":"verification","challenge":1}',
    '{"challenge":"x"}',
  ])
    expect(challengeOf(body)).toBeUndefined()
})
