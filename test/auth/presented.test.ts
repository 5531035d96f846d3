import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { MAX_CREDENTIAL_LENGTH, type PresentedWhere, presentedBy } from '../../src/auth/presented.ts'
import { HubError } from '../../src/core/errors.ts'
import { refusalOf } from '../support/authority.ts'
import { cpuMs } from '../support/cpu-time.ts'

const everywhere: PresentedWhere = { ticket: true, key: true, cookie: 'session' }
const nowhere: PresentedWhere = { ticket: false, key: false, cookie: undefined }

function ask(query = '', headers: Record<string, string> = {}): Request {
  return new Request(`http://localhost:3000/events/a${query}`, { headers })
}

describe('a request shows', () => {
  const table: [string, Request, PresentedWhere, unknown][] = [
    ['nothing', ask(), everywhere, { kind: 'none' }],
    ['a bearer', ask('', { authorization: 'Bearer abc.def' }), nowhere, { kind: 'bearer', text: 'abc.def' }],
    ['a bearer in any case', ask('', { authorization: 'bEARER   abc' }), nowhere, { kind: 'bearer', text: 'abc' }],
    ['a ticket', ask('?topic=a&ticket=t1'), { ...nowhere, ticket: true }, { kind: 'ticket', text: 't1' }],
    ['a ticket, percent-encoded', ask('?%74icket=t%31'), { ...nowhere, ticket: true }, { kind: 'ticket', text: 't1' }],
    ['a key parameter', ask('?key=k1'), { ...nowhere, key: true }, { kind: 'key-parameter', text: 'k1' }],
    ['a cookie', ask('', { cookie: 'a=b; session=t1; c=d' }), everywhere, { kind: 'cookie', text: 't1' }],
    ['a quoted cookie', ask('', { cookie: 'session="t1"' }), everywhere, { kind: 'cookie', text: 't1' }],
    ['a cookie whose value has =', ask('', { cookie: 'session=a==' }), everywhere, { kind: 'cookie', text: 'a==' }],
    ['no ticket where none counts', ask('?ticket=t1'), nowhere, { kind: 'none' }],
    ['no key parameter where none counts', ask('?key=k1'), { ...nowhere, ticket: true }, { kind: 'none' }],
    ['no cookie where none counts', ask('', { cookie: 'session=t1' }), nowhere, { kind: 'none' }],
    ['no cookie of a longer name', ask('', { cookie: 'xsession=t1; session2=t2' }), everywhere, { kind: 'none' }],
    ['nothing by an empty parameter', ask('?ticket='), everywhere, { kind: 'none' }],
    ['nothing by an empty cookie', ask('', { cookie: 'session=' }), everywhere, { kind: 'none' }],
    [
      'a bearer, whatever the cookie',
      ask('', { cookie: 'session=t1', authorization: 'Bearer abc' }),
      everywhere,
      { kind: 'bearer', text: 'abc' },
    ],
  ]
  test.each(table)('%s', (_, request, where, shown) => {
    expect(presentedBy(request, where) as unknown).toEqual(shown)
  })
})

describe('refused, so that nobody has to guess which one counts:', () => {
  const long = 'x'.repeat(MAX_CREDENTIAL_LENGTH + 1)
  const table: [string, Request, string][] = [
    ['another scheme', ask('', { authorization: 'Basic YTpi' }), 'authorization-syntax'],
    ['a bearer without a token', ask('', { authorization: 'Bearer ' }), 'authorization-syntax'],
    ['an empty header', ask('', { authorization: '' }), 'authorization-syntax'],
    ['two bearers in one header', ask('', { authorization: 'Bearer a, Bearer b' }), 'authorization-syntax'],
    ['a scheme that only begins so', ask('', { authorization: 'Bearera b' }), 'authorization-syntax'],
    ['bytes that are not ASCII', ask('', { authorization: 'Bearer schl\u00fcssel' }), 'authorization-syntax'],
    ['a bearer and a ticket', ask('?ticket=t', { authorization: 'Bearer a' }), 'more-than-one'],
    ['a bearer and a key parameter', ask('?key=t', { authorization: 'Bearer a' }), 'more-than-one'],
    ['a ticket and a key parameter', ask('?key=t&ticket=u'), 'more-than-one'],
    ['a ticket that is there twice', ask('?ticket=t&ticket=t'), 'parameter-twice'],
    ['a ticket and an empty one', ask('?ticket=t&ticket='), 'parameter-twice'],
    ['a cookie that is there twice', ask('', { cookie: 'session=a; session=b' }), 'cookie-twice'],
    ['a bearer that is too long', ask('', { authorization: `Bearer ${long}` }), 'length'],
    ['a ticket that is too long', ask(`?ticket=${long}`), 'length'],
    ['a cookie that is too long', ask('', { cookie: `session=${long}` }), 'length'],
  ]
  test.each(table)('%s', async (_, request, check) => {
    expect(await refusalOf(() => presentedBy(request, everywhere))).toBe(`credential-invalid ${check}`)
  })

  test('two Authorization headers, which a server joins into one', async () => {
    const headers = new Headers([
      ['authorization', 'Bearer a'],
      ['authorization', 'Bearer b'],
    ])
    const request = new Request('http://localhost/events', { headers })
    expect(await refusalOf(() => presentedBy(request, everywhere))).toBe('credential-invalid authorization-syntax')
  })
})

test('whatever the bytes of the headers and the query, the answer is a credential or a refusal, and soon', async () => {
  const byte = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code))
  const text = fc.oneof(
    fc.string({ unit: byte, maxLength: 60 }),
    fc
      .constantFrom('Bearer ', 'bearer', 'Bearer a.b.c', 'session=', 'session=a; session=', ' ', ';;==,"')
      .chain((start) => fc.string({ unit: byte, maxLength: 30 }).map((end) => start + end)),
  )
  const query = fc.oneof(
    fc.string({ maxLength: 60 }),
    fc
      .constantFrom('?ticket=', '?key=', '?%74icket=', '?ticket=a&ticket', '?a=b&key')
      .chain((start) => fc.string({ maxLength: 30 }).map((end) => start + end)),
  )
  const property = fc.property(text, text, query, (authorization, cookie, tail) => {
    const get = (name: string): string | null => (name === 'authorization' ? authorization : cookie)
    // Headers refuses some bytes before they get here; a server's parser may be laxer.
    const request = { url: `http://localhost/events${tail}`, headers: { get } } as unknown as Request
    try {
      const { kind } = presentedBy(request, everywhere)
      return ['none', 'bearer', 'ticket', 'cookie', 'key-parameter'].includes(kind)
    } catch (error) {
      return error instanceof HubError && error.code === 'credential-invalid'
    }
  })
  expect(await cpuMs(() => fc.assert(property, { numRuns: 10_000 }))).toBeLessThan(20_000)
})

test('the longest header costs no more than its length', async () => {
  const blanks = ' '.repeat(8_000)
  const request = {
    url: 'http://localhost/events',
    headers: { get: (name: string) => (name === 'cookie' ? ';='.repeat(8_000) : `Bearer${blanks}\u0000`) },
  } as unknown as Request
  const hundred = () => {
    for (let round = 0; round < 100; round++) expect(() => presentedBy(request, everywhere)).toThrow(HubError)
  }
  expect(await cpuMs(hundred)).toBeLessThan(2_000)
})
