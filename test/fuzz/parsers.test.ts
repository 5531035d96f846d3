import { afterAll, describe, expect, test } from 'bun:test'
import { settled } from '../support/settled.ts'
import { authParsers } from './auth-parsers.ts'
import { configParsers } from './config-parsers.ts'
import { mcpExchangeParsers } from './mcp-exchanges.ts'
import { mcpParsers } from './mcp-parsers.ts'
import { fuzz, grow, type Parser, runsOf } from './parser.ts'
import { parsers } from './parsers.ts'
import { stdioParsers } from './stdio-parsers.ts'
import { webhookParsers } from './webhook-parsers.ts'

const RUNS = Number(process.env.FUZZ_RUNS ?? 10_000)
/** Seconds of work, on a machine that may have a lot of other work: what hangs is found by the fuzzer, with its seed. */
const PATIENCE_MS = 600_000
const overHubs = [await mcpParsers(), await mcpExchangeParsers()]
const all = [
  ...parsers,
  ...authParsers(),
  ...configParsers(),
  ...overHubs.flatMap(({ parsers }) => parsers),
  ...stdioParsers,
  ...webhookParsers,
]

afterAll(async () => {
  for (const { close } of overHubs) await close()
})

describe.each(all.map((parser) => [parser.name, parser] as const))('%s', (_, parser) => {
  test(
    'refuses what it does not take with a coded error, and nothing else',
    async () => {
      const runs = parser.operators ? RUNS : runsOf(parser, RUNS)
      expect((await fuzz(parser, runs)).runs).toBe(runs)
    },
    PATIENCE_MS,
  )

  test.skipIf(parser.operators === true)(
    'takes linear time, whatever is repeated in it',
    () => grow(parser),
    PATIENCE_MS,
  )
})

describe('the fuzzer itself finds', () => {
  const base = { samples: [['{"topic":"orders/42"}']] }
  const broken: [string, RegExp, Parser][] = [
    ['what throws anything but a coded error', /JSON/, { ...base, name: 'x', read: (text) => JSON.parse(text) }],
    [
      'what rejects with anything but a coded error',
      /JSON/,
      { ...base, name: 'x', read: async (text) => JSON.parse(text) },
    ],
    [
      'a result that cannot be',
      /cannot be/,
      { ...base, name: 'x', read: (text) => text.length, holds: (n) => n !== 0 },
    ],
  ]
  test.each(broken)('%s', async (_, message, parser) => {
    expect(await settled(fuzz(parser, 10_000))).toThrow(message)
  })

  test(
    'a parser that is quadratic',
    async () => {
      const quadratic = (text: string): boolean =>
        /^(a|b|\/|.)*?,+x$/.test(text) || /(\/+)+$/.test(`${text}!`.slice(-24))
      const slow: Parser = {
        name: 'x',
        samples: [['a,b']],
        read: (text) => {
          let found = 0
          for (let from = text.indexOf(','); from >= 0; from = text.indexOf(',', from + 1)) {
            for (let at = from; at < text.length; at++) if (text.charCodeAt(at) === 0x2c) found++
          }
          return found + Number(quadratic(''))
        },
      }
      expect(await settled(grow(slow))).toThrow(/it took/)
    },
    PATIENCE_MS,
  )
})
