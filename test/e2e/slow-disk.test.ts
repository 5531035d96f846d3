import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Executable } from '../support/executable.ts'
import { Follower } from '../support/follower.ts'
import { freePort } from '../support/port.ts'
import { tempDir } from '../support/temp-dir.ts'
import { until } from '../support/until.ts'

const FSYNC_MS = 20
/** So long that a busy machine is not taken for a disk. */
const VERY_SLOW_MS = 300
const PUBLISHERS = 32

/**
 * Delays every sync before it begins, and writes a line for each. Only these calls stop (`--seccomp-bpf`); the process
 * stays our child (`-D`).
 */
function slowSync(ms: number, record = '/dev/null'): string[] {
  return [
    ...['strace', '-D', '-f', '-qq', '-o', record, '--seccomp-bpf', '-e', 'trace=fsync,fdatasync'],
    ...['-e', `inject=fsync,fdatasync:delay_enter=${ms * 1_000}`],
  ]
}

const canTrace = Bun.which('strace') !== null && Bun.spawnSync([...slowSync(FSYNC_MS), 'true']).exitCode === 0
if (!canTrace) console.warn('skipped: strace cannot trace here (apt-get install strace; containers need SYS_PTRACE)')

describe.skipIf(!canTrace)('on a disk that is slow at every sync', () => {
  let server: Executable
  const dir = tempDir()
  const record = join(dir.path, 'syncs')
  beforeAll(async () => {
    server = await Executable.serve({}, freePort(), slowSync(FSYNC_MS, record))
  })
  afterAll(async () => {
    await server?.remove()
    dir[Symbol.dispose]()
  })

  const syncs = () =>
    readFileSync(record, 'utf8')
      .split('\n')
      .filter((line) => /sync\(/.test(line)).length

  /** @returns the milliseconds it took */
  async function publish(topic: string, hub = server): Promise<number> {
    const started = performance.now()
    const response = await fetch(`${hub.url}/events/${topic}`, { method: 'POST', body: '{"total":99}' })
    await response.text()
    expect(response.status).toBe(201)
    return performance.now() - started
  }

  async function expectSlowDisk(hub: Executable, ms: number): Promise<void> {
    const taken: number[] = []
    for (let round = 0; round < 5; round++) taken.push(await publish('slow', hub))
    expect(Math.min(...taken)).toBeGreaterThanOrEqual(ms)
  }

  test('32 publishes at once share their syncs', async () => {
    await expectSlowDisk(server, FSYNC_MS)
    const rounds: number[] = []
    for (let round = 0; round < 5; round++) {
      const before = syncs()
      await Promise.all(Array.from({ length: PUBLISHERS }, () => publish('group')))
      rounds.push(syncs() - before)
    }
    // Two or three groups, more where they are sent slowly; one after another they would be 32.
    expect(Math.min(...rounds)).toBeGreaterThanOrEqual(1)
    expect(Math.min(...rounds)).toBeLessThanOrEqual(PUBLISHERS / 4)
  })

  test('heartbeats and /livez do not wait for it while 32 publishers write', async () => {
    const hub = await Executable.serve({ MCP_SSE_STREAM_HEARTBEAT: '1s' }, freePort(), slowSync(VERY_SLOW_MS))
    let writing = true
    let written = 0
    let publishers: Promise<void>[] = []
    const quiet = await Follower.open(`${hub.url}/events/quiet?heartbeat=event`)
    try {
      await expectSlowDisk(hub, VERY_SLOW_MS)
      publishers = Array.from({ length: PUBLISHERS }, async () => {
        while (writing) {
          await publish('busy', hub)
          written++
        }
      })
      const before = quiet.control('$heartbeat').length
      const answers: number[] = []
      const enough = async () => {
        const started = performance.now()
        await (await fetch(`${hub.url}/livez`)).text()
        answers.push(performance.now() - started)
        const beats = quiet.control('$heartbeat').length - before
        return beats >= 4 && answers.length > 50 && written > PUBLISHERS * 4
      }
      // There is no moment in which nobody writes.
      await until('heartbeats and answers', enough, 60_000)
      answers.sort((a, b) => a - b)
      // Those of a loop that waits for the disk take half a sync and more; those of this one a few ms.
      expect(answers[answers.length >> 1]!).toBeLessThan(VERY_SLOW_MS / 2)
    } finally {
      writing = false
      await Promise.allSettled(publishers)
      quiet.stop()
      await hub.remove()
    }
    await Promise.all(publishers)
  })

  test('nothing that was acknowledged is missing after a stop', async () => {
    for (let round = 0; round < 3; round++) await Promise.all(Array.from({ length: 8 }, () => publish('kept')))
    expect(await server.kill('SIGTERM')).toBe(0)
    await server.start()
    const kept = await until('the history', async () => {
      const response = await fetch(`${server.url}/events/kept?format=json&limit=1000&since=earliest`)
      return (await response.json()) as { events: unknown[] }
    })
    expect(kept.events).toHaveLength(24)
  })
})
