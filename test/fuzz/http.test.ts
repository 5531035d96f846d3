import { describe, expect, test } from 'bun:test'
import { closedTarget, fuzzHttp, openTarget } from './http.ts'
import { requestBytes, statusOfAnswer } from './raw-exchange.ts'

const RUNS = Number(process.env.FUZZ_RUNS ?? 10_000)

describe.each([
  ['an open hub', openTarget],
  ['a hub with credentials', closedTarget],
])('%s', (_, makeTarget) => {
  test('takes most of the requests that are mutated as they are, so that what is mutated gets far', async () => {
    const { served, samples } = await makeTarget()
    try {
      const statuses = await Promise.all(samples.map((sample) => statusOfAnswer(served.port, requestBytes(sample))))
      expect(statuses.filter((status) => status >= 200 && status < 300).length).toBeGreaterThan(samples.length * 0.6)
    } finally {
      await served.close()
    }
  })

  test('answers whatever is made of them: no 500, no failure nobody foresaw, no connection that hangs', async () => {
    const target = await makeTarget()
    try {
      expect((await fuzzHttp(target, RUNS)).runs).toBeGreaterThanOrEqual(RUNS)
      // And it still works.
      expect((await target.served.fetch('/livez')).status).toBe(200)
      expect(target.served.hub.ready).toBe(true)
    } finally {
      await target.served.close()
    }
  })
})
