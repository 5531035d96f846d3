import { expect, test } from 'bun:test'
import { Distribution } from '../../src/core/distribution.ts'
import { exposition } from '../../src/observe/exposition.ts'
import { counter, gauge, histogram } from '../../src/observe/family.ts'
import { processFamilies } from '../../src/observe/process-families.ts'
import { expectGoodMetrics, promtool } from '../support/promtool.ts'

const seen = new Distribution([0.1, 1])
for (const value of [0.05, 0.5, 0.6, 3]) seen.observe(value)

test('a histogram is cumulative, ends in +Inf and counts as many as that', () => {
  expect(exposition([histogram('wait_seconds', 'How long.', seen)])).toBe(
    [
      '# HELP wait_seconds How long.',
      '# TYPE wait_seconds histogram',
      'wait_seconds_bucket{le="0.1"} 1',
      'wait_seconds_bucket{le="1"} 3',
      'wait_seconds_bucket{le="+Inf"} 4',
      'wait_seconds_sum 4.15',
      'wait_seconds_count 4',
      '',
    ].join('\n'),
  )
})

test('no label and no help can begin a line, or end its own quotes', () => {
  const text = exposition([gauge('a', 'one\ntwo\\', { labels: { l: 'x"} 1\nb 2\\' }, value: 1 })])
  expect(text).toBe('# HELP a one\\ntwo\\\\\n# TYPE a gauge\na{l="x\\"} 1\\nb 2\\\\"} 1\n')
})

test('numbers no float can say are named, and a family without samples is left out', () => {
  const odd = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 1e21]
  const values = odd.map((value, index) => ({ labels: { i: String(index) }, value }))
  expect(exposition([gauge('odd', 'Odd.', ...values), counter('none_total', 'None.')])).toBe(
    '# HELP odd Odd.\n# TYPE odd gauge\nodd{i="0"} +Inf\nodd{i="1"} -Inf\nodd{i="2"} NaN\nodd{i="3"} 1e+21\n',
  )
})

test('the process says what it uses, in the names Prometheus has for it', async () => {
  const names = (await processFamilies(1.25)).map(({ name }) => name)
  expect(names).toEqual(expect.arrayContaining(['process_cpu_seconds_total', 'process_resident_memory_bytes']))
  if (process.platform === 'linux') expect(names).toContain('process_open_fds')
})

test.skipIf(promtool === null)('Prometheus reads all of it (needs promtool, of Debian’s prometheus)', async () => {
  const odd = gauge('odd', 'one\ntwo\\', { labels: { l: 'x"} 1\nb 2\\' }, value: 1 })
  expectGoodMetrics(exposition([odd, histogram('wait_seconds', 'How long.', seen), ...(await processFamilies(1.25))]))
})
