import { expect, test } from 'bun:test'
import { keySettings, testKey } from '../support/access.ts'
import { runCommand } from '../support/command.ts'
import { servedHub } from '../support/served-hub.ts'
import { tempDir } from '../support/temp-dir.ts'

test('a stream that is not open is answered with where to find those that are', async () => {
  const ops = testKey('ops', { admin: true })
  const served = await servedHub({ access: keySettings([ops]) })
  try {
    using dir = tempDir()
    const env = { MCP_SSE_URL: served.url, MCP_SSE_KEY: ops.text }
    const { stderr, exitCode } = await runCommand(['connections', 'end', 'con_x'], { cwd: dir.path, env })
    expect([stderr.split('\n').at(-2), exitCode]).toEqual([`Try: mcp-sse connections list --url ${served.url}`, 1])
  } finally {
    await served.close()
  }
})
