import { describe, expect, test } from 'bun:test'
import { type LogPlace, type LogRecord, recordWriter } from '../../src/daemon/log-format.ts'

const time = Date.UTC(2026, 10, 22, 12, 0, 0, 123)
const record = (more: Partial<LogRecord> = {}): LogRecord => ({
  time,
  level: 'info',
  msg: 'all is well',
  fields: {},
  ...more,
})
const places: LogPlace[] = ['terminal', 'journal', 'elsewhere']

describe('in text', () => {
  test('info is the plain sentence, other levels say what they are, and a file has the time in UTC', () => {
    const write = recordWriter('text', 'elsewhere')
    expect(write(record())).toBe('2026-11-22T12:00:00Z mcp-sse: all is well\n')
    expect(write(record({ level: 'warn' }))).toBe('2026-11-22T12:00:00Z mcp-sse: warning: all is well\n')
    expect(write(record({ level: 'error' }))).toBe('2026-11-22T12:00:00Z mcp-sse: error: all is well\n')
  })

  test('on a terminal it has the time of day here', () => {
    const here = new Date(time).toTimeString().slice(0, 8)
    expect(recordWriter('auto', 'terminal')(record())).toBe(`${here} mcp-sse: all is well\n`)
  })

  test('in the journal it has a priority and neither time nor name', () => {
    const write = recordWriter('auto', 'journal')
    expect((['debug', 'info', 'warn', 'error'] as const).map((level) => write(record({ level })).slice(0, 3))).toEqual([
      '<7>',
      '<6>',
      '<4>',
      '<3>',
    ])
    expect(write(record())).toBe('<6>all is well\n')
  })

  test('the request it is about is named, and where something failed is on lines of their own, each with its front', () => {
    const fields = { request: 'req_1', stack: 'Error: x\n    at a (b:1)' }
    expect(recordWriter('text', 'journal')(record({ level: 'error', fields }))).toBe(
      '<3>error: all is well [request req_1]\n<3>    Error: x\n<3>    at a (b:1)\n',
    )
  })
})

describe('in JSON', () => {
  test('a line is one object with time, level and msg first, and fields that are undefined are not there', () => {
    const fields = { about: 'refusal', more: 3, principal: undefined }
    expect(recordWriter('auto', 'elsewhere')(record({ fields }))).toBe(
      '{"time":"2026-11-22T12:00:00.123Z","level":"info","msg":"all is well","about":"refusal","more":3}\n',
    )
  })

  test('the journal reads its priority, and strips it', () => {
    expect(recordWriter('json', 'journal')(record({ level: 'warn' }))).toStartWith('<4>{"time":')
  })
})

describe('nothing a stranger sends', () => {
  const forged =
    'x\n<0>2026-11-22T12:00:00Z mcp-sse: error: forged\r\n{"level":"error","msg":"forged"}\u2028\u2029\u0085'
  const steering = '\u001b[2J\u009b31m\u0000\u007f\u202e\u2066\t'
  const stranger = forged + steering
  const cases = (['text', 'json'] as const).flatMap((format) => places.map((place) => [format, place] as const))

  test.each(cases)('begins a line of its own or steers a terminal, as %s on %s', (format, place) => {
    const write = recordWriter(format, place)
    const fields = { request: stranger, principal: stranger }
    const text = write(record({ msg: `refused ${stranger}`, fields }))
    expect(text.endsWith('\n')).toBe(true)
    const line = text.slice(0, -1)
    expect(line).not.toMatch(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u)
    if (format === 'json') {
      const read = JSON.parse(line.replace(/^<\d>/, '')) as Record<string, unknown>
      expect(read).toMatchObject({ level: 'info', msg: `refused ${stranger}`, principal: stranger })
    } else {
      // What is in the middle of a line is no priority of it.
      expect(line.match(/^<\d>/gm)?.length ?? 0).toBe(place === 'journal' ? 1 : 0)
    }
  })

  test('in the words of an error looks like a line of the log: it is further in', () => {
    const stack = 'Error: x\n<0>mcp-sse: error: forged\nmcp-sse: forged\n    at a (b:1)'
    const lines = recordWriter(
      'text',
      'journal',
    )(record({ level: 'error', fields: { stack } }))
      .trimEnd()
      .split('\n')
    for (const line of lines.slice(1)) expect(line).toStartWith('<3>    ')
    expect(lines).toHaveLength(5)
  })

  test.each(['text', 'json'] as const)('makes a line longer than it may be, as %s', (format) => {
    const long = 'x'.repeat(1_000_000)
    const stack = 'y\n'.repeat(100_000)
    const text = recordWriter(
      format,
      'journal',
    )(record({ msg: long, fields: { principal: long, request: long, stack } }))
    expect(text.length).toBeLessThan(60_000)
  })
})
