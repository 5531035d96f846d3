import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Bench } from '../bench.ts'
import type { Row } from '../row.ts'

const ROOT = join(import.meta.dir, '../..')
const TEST = 'test/e2e/crash.test.ts'

/** `kill -9` while publishers write, many times: the end-to-end test with more rounds. */
export async function crash(bench: Bench): Promise<Row[]> {
  if (!existsSync(join(ROOT, TEST))) {
    bench.say(`  skipped: ${TEST} is not there`)
    return []
  }
  const rounds = bench.effort.crashRounds
  const child = Bun.spawn([process.execPath, 'test', '--timeout', '1800000', `./${TEST}`], {
    cwd: ROOT,
    env: { ...process.env, CRASH_ROUNDS: String(rounds) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = (await new Response(child.stderr).text()).trim()
  const failed = (await child.exited) === 0 ? 0 : 1
  if (failed) bench.say(output.slice(-2_000))
  return [
    {
      id: 'crash',
      title: `kill -9 at a random moment while 8 publishers write, ${rounds} times`,
      unit: 'failed',
      digits: 0,
      better: 'lower',
      figures: [{ name: 'mcp-sse', samples: [failed], note: TEST }],
      checks: [{ what: 'acknowledged events missing', value: failed, unit: 'failed', better: 'lower', must: 0 }],
      remarks: [
        'Every acknowledged event is there after the restart, and no reader that resumes misses or repeats one.',
      ],
    },
  ]
}
