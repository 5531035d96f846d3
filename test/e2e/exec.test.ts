import { afterEach, expect, test } from 'bun:test'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Executable, executablePath } from '../support/executable.ts'
import { RecordingScript } from '../support/recording-script.ts'
import { runExecutable } from '../support/startup.ts'
import { tempDir } from '../support/temp-dir.ts'
import { until } from '../support/until.ts'

let server: Executable | undefined
afterEach(async () => {
  await server?.remove()
  server = undefined
})

test('killed at any time, and over crashes of the hub, the command is run for every event, in order', async () => {
  server = await Executable.serve()
  using dir = tempDir()
  const script = new RecordingScript(dir.path)
  const start = () =>
    Bun.spawn([executablePath(), 'subscribe', 'jobs', '--state', 'place', '--exec', script.command], {
      cwd: dir.path,
      env: { PATH: process.env.PATH ?? '', HOME: dir.path, MCP_SSE_URL: server!.url },
      stdio: ['ignore', 'ignore', 'ignore'],
    })
  let child = start()
  try {
    await until('the first place', () => existsSync(join(dir.path, 'place')))
    const [rounds, each] = [4, 40]
    for (let round = 0; round < rounds; round++) {
      const lines = Array.from({ length: each }, (_, number) =>
        JSON.stringify({ topic: 'jobs', data: round * each + number }),
      )
      const response = await fetch(`${server.url}/events`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson' },
        body: lines.join('\n'),
      })
      expect(response.status).toBe(201)
      await until('some progress', () => script.runs.length > round * each, 40_000)
      child.kill('SIGKILL')
      await child.exited
      if (round % 2 === 0) {
        await server.kill('SIGKILL')
        await server.start()
      }
      child = start()
    }
    await until('the last event', () => script.runs.at(-1)?.data === rounds * each - 1, 40_000)
    child.kill('SIGTERM')
    expect(await child.exited).toBe(0)
    const data = script.runs.map((run) => run.data)
    expect([...new Set(data)]).toEqual(Array.from({ length: rounds * each }, (_, number) => number))
    expect(data.length).toBeLessThanOrEqual(rounds * each + rounds)
    expect(readFileSync(join(dir.path, 'place'), 'utf8')).toBe(`${script.runs.at(-1)!.cursor}\n`)
  } finally {
    child.kill('SIGKILL')
  }
})

test('run publishes how a command ended, and a subscriber’s command reacts to that', async () => {
  server = await Executable.serve()
  using dir = tempDir()
  const options = { cwd: dir.path, env: { MCP_SSE_URL: server.url } }
  const ran = await runExecutable(['run', 'cron/backup', '--', 'sh', '-c', 'echo no space >&2; exit 7'], options)
  expect(ran).toEqual({ stdout: '', stderr: 'no space\n', exitCode: 7 })
  writeFileSync(join(dir.path, 'place'), 'earliest\n')
  const command = 'test $MCP_SSE_TYPE = run.failed && cat'
  const reacted = await runExecutable(
    ['subscribe', 'cron/**', '--type', 'run.*', '--state', 'place', '--count', '1', '--exec', command],
    options,
  )
  expect([reacted.stderr, reacted.exitCode]).toEqual(['', 0])
  expect(JSON.parse(reacted.stdout)).toMatchObject({
    topic: 'cron/backup',
    type: 'run.failed',
    data: { command: ['sh', '-c', 'echo no space >&2; exit 7'], exitCode: 7, lastLines: ['no space'] },
  })
})

test('a state file that a running process holds is refused, with something to type', async () => {
  server = await Executable.serve()
  using dir = tempDir()
  const args = ['subscribe', '--url', server.url, '--state', 'place', '--exec', 'true']
  const first = Bun.spawn([executablePath(), ...args], {
    cwd: dir.path,
    env: { PATH: process.env.PATH ?? '', HOME: dir.path },
    stdio: ['ignore', 'ignore', 'ignore'],
  })
  try {
    await until('the first place', () => existsSync(join(dir.path, 'place')))
    const refused = await runExecutable(args, { cwd: dir.path })
    expect([refused.exitCode, refused.stderr]).toEqual([
      1,
      `mcp-sse: ${dir.path}/place is in use by another mcp-sse; two would handle events twice.\nTry: mcp-sse subscribe --state <another file>\n`,
    ])
  } finally {
    first.kill('SIGKILL')
    await first.exited
  }
})
