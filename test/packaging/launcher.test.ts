import { expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { version } from '../../package.json'
import { tempDir } from '../support/temp-dir.ts'
import { until } from '../support/until.ts'

const LAUNCHER = resolve(import.meta.dir, '../../packaging/mcp-sse.mjs')

/** The launcher under Node.js, in a directory that has files for Bun of its own. */
function launch(args: readonly string[], cwd: string) {
  writeFileSync(join(cwd, '.env'), 'PORT=nonsense\n')
  writeFileSync(join(cwd, 'bunfig.toml'), 'preload = ["./stranger.ts"]\n')
  writeFileSync(join(cwd, 'stranger.ts'), 'console.log("preloaded")\n')
  return Bun.spawn(['node', LAUNCHER, ...args], {
    cwd,
    env: { PATH: process.env.PATH ?? '', HOME: cwd, HOST: '127.0.0.1' },
    stdin: new Blob(['']),
    stdout: 'pipe',
    stderr: 'pipe',
  })
}

test('the launcher runs the hub’s command line, and its exit code is the hub’s', async () => {
  using dir = tempDir()
  const right = launch(['version'], dir.path)
  expect(await new Response(right.stdout).text()).toBe(`mcp-sse ${version} (Bun ${Bun.version})\n`)
  expect(await right.exited).toBe(0)
  const wrong = launch(['serve', '--port', 'x'], dir.path)
  expect(await new Response(wrong.stderr).text()).toContain('--port: port = x is refused')
  expect(await wrong.exited).toBe(78)
})

test.each(['SIGTERM', 'SIGINT'] as const)('%s to the launcher stops the hub in good order', async (signal) => {
  using dir = tempDir()
  const child = launch(['serve', '--port', '0'], dir.path)
  let stdout = ''
  const reading = (async () => {
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) stdout += text
  })()
  await until('it listens', () => stdout.includes('/events/greetings\n'))
  child.kill(signal)
  expect(await child.exited).toBe(0)
  await reading
  expect(await new Response(child.stderr).text()).toBe('')
})
