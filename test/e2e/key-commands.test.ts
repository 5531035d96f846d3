import { afterEach, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { bearer } from '../support/access.ts'
import { Executable } from '../support/executable.ts'
import { expectEnded } from '../support/expect-ended.ts'
import { Followers } from '../support/followers.ts'
import { expectProblem } from '../support/problem.ts'
import { reload, settingsFile } from '../support/reload.ts'
import { registerSecret } from '../support/secrets.ts'
import { runExecutable } from '../support/startup.ts'
import { until } from '../support/until.ts'

let server: Executable
const followers = new Followers()
afterEach(async () => {
  followers.stop()
  await server?.remove()
})

const ask = (path: string, headers: Record<string, string> = {}) => fetch(server.url + path, { headers })
const publish = (topic: string, body: string, headers: Record<string, string>) =>
  fetch(`${server.url}/events/${topic}`, { method: 'POST', headers, body })

test('as a user does it: key new --save, kill -HUP, use it; key revoke, kill -HUP, and it is gone', async () => {
  server = await Executable.serve()
  const cwd = dirname(server.dataDir)
  const key = async (...args: string[]) => {
    const ended = await runExecutable(['key', ...args], { cwd })
    expect(ended).toMatchObject({ exitCode: 0 })
    return ended
  }
  const newKey = async (...args: string[]) => {
    const { stdout, stderr } = await key('new', ...args, '--save')
    expect(stderr).toContain('kill -HUP')
    return registerSecret(stdout.trim(), 'a new key')
  }
  const [ci, wall] = [
    await newKey('ci', '--publish', 'builds/**'),
    await newKey('wall', '--subscribe', 'builds/**', '--expires', '90d'),
  ]
  expect(await reload(server)).toContain('reloaded: keys added ci, wall\n')
  const url = { MCP_SSE_URL: server.url }
  const published = await runExecutable(['publish', 'builds/main', 'green'], { cwd, env: { ...url, MCP_SSE_KEY: ci } })
  expect(published).toMatchObject({ exitCode: 0 })
  const reader = await followers.open(`${server.url}/events?since=earliest`, bearer(wall))
  await until('what was published', () => reader.events.length === 1)
  expect(reader.events[0]?.data).toBe('green')
  expect((await key('list')).stdout).toMatch(/^ci {4}publish builds\/\*\*\nwall {2}read builds\/\*\* {2}until /)
  await key('revoke', 'wall')
  // Not before the hub has read it.
  expect((await ask('/whoami', bearer(wall))).status).toBe(200)
  const began = performance.now()
  expect(await reload(server)).toContain('reloaded: keys removed wall\n')
  await expectEnded(reader, 'credential-revoked', began)
  await expectProblem(await ask('/whoami', bearer(wall)), 401, 'credential-invalid')
  const refused = await runExecutable(['topics'], { cwd, env: { ...url, MCP_SSE_KEY: wall } })
  expect(refused).toMatchObject({ exitCode: 1, stdout: '' })
  expect(refused.stderr).toMatch(/^mcp-sse: This API key is not known here[^\n]+\nTry: MCP_SSE_KEY=[^\n]+\n$/)
  // The last one: it is gone, and that opens nothing.
  await key('revoke', 'ci')
  expect(await reload(server)).toContain('reloaded: keys removed ci\n')
  expect((await ask('/whoami')).status).toBe(401)
  await expectProblem(await publish('builds/main', 'x', bearer(ci)), 401, 'credential-invalid')
  expect(readFileSync(settingsFile(server), 'utf8').trim()).toBe('')
  const next = await newKey('next', '--publish', 'builds/**')
  expect(await reload(server)).toContain('reloaded: keys added next\n')
  expect((await publish('builds/main', 'x', bearer(next))).status).toBe(201)
})
