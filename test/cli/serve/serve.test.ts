import { expect, test } from 'bun:test'
import { startCommand } from '../../support/command.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { until } from '../../support/until.ts'

/** `serve` until it listens, then stopped. */
async function served(level: string) {
  using dir = tempDir()
  const env = { LOG_LEVEL: level, MCP_SSE_LOG_FORMAT: 'text', MCP_SSE_PORT: 'tcp://10.0.0.1:3000', HOST: '127.0.0.1' }
  const child = startCommand(['serve', '--port', '0'], { cwd: dir.path, env })
  const stderr = new Response(child.stderr).text()
  let stdout = ''
  const reading = (async () => {
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) stdout += text
  })()
  await until('it listens', () => stdout.includes('/events/greetings\n'))
  child.kill('SIGTERM')
  await reading
  return { stdout, stderr: await stderr, exitCode: await child.exited }
}

test('log_level leaves out lines below it, and the welcome is there all the same', async () => {
  const warned = await served('warn')
  expect(warned.stderr).toMatch(
    /^\S+Z mcp-sse: warning: MCP_SSE_PORT is not a setting and is ignored\. Did you mean PORT\?\n$/,
  )
  expect(await served('error')).toEqual({ stdout: expect.stringContaining('listens on'), stderr: '', exitCode: 0 })
})
