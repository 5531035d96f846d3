import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Bench } from '../bench.ts'
import { serveCommand } from '../contenders/mcp-sse.ts'
import { family, residentKiB } from '../process-cost.ts'
import { median, type Row } from '../row.ts'
import { freePort } from '../server.ts'

const IDLE_MS = 2_000
const TIMEOUT_MS = 15_000

/** From starting the program to its first HTTP answer, and its memory when nobody is connected. */
export async function start(bench: Bench): Promise<Row[]> {
  const serve = serveCommand()
  if (!serve) return []
  const answers: number[] = []
  const memory: number[] = []
  for (let turn = 0; turn < bench.effort.starts; turn++) {
    const seen = await once(serve.command)
    answers.push(seen.milliseconds)
    memory.push(seen.mebibytes)
  }
  const remarks = serve.form === 'executable' ? [] : ['There is no built executable: this is the server from source.']
  const shared = { digits: 0, better: 'lower', remarks } as const
  const first = median(answers)
  const idle = median(memory)
  return [
    {
      ...shared,
      id: 'start-answer',
      title: 'Start to first HTTP answer, empty data directory',
      unit: 'ms',
      figures: [{ name: 'mcp-sse', samples: answers, note: serve.form }],
      checks: [{ what: 'first HTTP answer', value: first, unit: 'ms', better: 'lower', must: 80, goal: 50 }],
    },
    {
      ...shared,
      id: 'start-memory',
      title: 'Resident memory, idle, no readers',
      unit: 'MiB',
      figures: [{ name: 'mcp-sse', samples: memory, note: serve.form }],
      checks: [{ what: 'idle', value: idle, unit: 'MiB', better: 'lower', must: 80, goal: 65 }],
    },
  ]
}

async function once(command: string[]): Promise<{ milliseconds: number; mebibytes: number }> {
  const directory = mkdtempSync(join(tmpdir(), 'mcp-sse-bench-'))
  const port = await freePort()
  const began = performance.now()
  const child = Bun.spawn(command, {
    cwd: directory,
    env: {
      PATH: process.env.PATH ?? '',
      HOME: directory,
      PORT: String(port),
      HOST: '127.0.0.1',
      DATA_DIR: join(directory, 'data'),
    },
    stdio: ['ignore', 'ignore', 'ignore'],
  })
  try {
    const milliseconds = (await firstAnswer(port, began)) - began
    await Bun.sleep(IDLE_MS)
    return { milliseconds, mebibytes: residentKiB(family(child.pid)) / 1024 }
  } finally {
    // Nothing of it is kept, so it need not end in order.
    child.kill('SIGKILL')
    await child.exited
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Asks every millisecond: a refused connection costs next to nothing. */
async function firstAnswer(port: number, began: number): Promise<number> {
  while (performance.now() - began < TIMEOUT_MS) {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/livez`)
      const at = performance.now()
      await response.text()
      return at
    } catch {
      // Not listening yet: the deadline decides.
      await Bun.sleep(1)
    }
  }
  throw new Error(`The server did not answer within ${TIMEOUT_MS / 1000} s of its start.`)
}
