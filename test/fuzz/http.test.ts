import { describe, expect, test } from 'bun:test'
import { closedTarget, fuzzHttp, openTarget } from './http.ts'
import { requestBytes, statusOfAnswer } from './raw-exchange.ts'

const RUNS = Number(process.env.FUZZ_RUNS ?? 10_000)
/** Seconds of work, on a machine that may have a lot of other work: what hangs is found by the fuzzer, with its seed. */
const PATIENCE_MS = 600_000

describe.each([
  ['an open hub', openTarget],
  ['a hub with credentials', closedTarget],
])('%s', (_, makeTarget) => {
  test(
    'takes most of the requests that are mutated as they are, so that what is mutated gets far',
    async () => {
      // Sessions that stay, however long the machine stands still.
      const { served, samples, sessions } = await makeTarget({ sessionIdleMs: 600_000 })
      try {
        const statuses: number[] = []
        // One after another: the same id is not answered twice at one time.
        for (const each of samples) statuses.push(await statusOfAnswer(served.port, requestBytes(sessions.named(each))))
        expect(statuses.filter((status) => status >= 200 && status < 300).length).toBeGreaterThan(samples.length * 0.6)
      } finally {
        await served.close()
      }
    },
    PATIENCE_MS,
  )

  test(
    'answers whatever is made of them: no 500, no failure nobody foresaw, no connection that hangs, nothing left',
    async () => {
      const target = await makeTarget()
      try {
        expect((await fuzzHttp(target, RUNS)).runs).toBeGreaterThanOrEqual(RUNS)
        // And it still works.
        expect((await target.served.fetch('/livez')).status).toBe(200)
        expect(target.served.hub.admission.ready).toBe(true)
        await target.sessions.end()
      } finally {
        await target.served.close()
      }
    },
    PATIENCE_MS,
  )
})
