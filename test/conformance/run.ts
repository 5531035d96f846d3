import { tempDir } from '../support/temp-dir.ts'
import { compiledServer, FROM_SOURCE, withServer } from './fixture-server.ts'
import { REVISIONS, runSuite } from './suite.ts'
import { type Verdict, verdictOf } from './verdict.ts'

/**
 * `bun run conformance`: the official suite against the product's transports and routes, from source and compiled, for
 * each revision it has requirements of. Exit code 0 when nothing failed but what may (verdict.ts).
 */

using built = tempDir()
const rows: { run: string; verdict: Verdict }[] = []
for (const [what, command] of [
  ['from source', () => FROM_SOURCE],
  ['compiled', () => compiledServer(built.path)],
] as const) {
  using empty = tempDir()
  await withServer(command(), empty.path, async (url) => {
    for (const revision of REVISIONS) {
      const verdict = verdictOf(await runSuite(url, revision))
      rows.push({ run: `${revision}, ${what}`, verdict })
      for (const failure of verdict.failures) console.log(`${revision}, ${what}: ${failure}`)
    }
  })
}

console.log('| run | scenarios | passed | failed | let off | nothing to check |\n|---|---|---|---|---|---|')
for (const { run, verdict } of rows) {
  const { scenarios, passed, failed, letOff, idle } = verdict
  console.log(`| ${run} | ${scenarios} | ${passed} | ${failed} | ${letOff} | ${idle.join(', ') || '-'} |`)
}
const sum = (count: (verdict: Verdict) => number) => rows.reduce((total, { verdict }) => total + count(verdict), 0)
const failed = sum((verdict) => verdict.failed)
// As the test runner says it.
console.log(`\n ${sum((verdict) => verdict.passed)} pass`)
console.log(` ${sum(({ letOff, idle }) => letOff + idle.length)} skip`)
console.log(` ${failed} fail`)
process.exitCode = failed === 0 ? 0 : 1
