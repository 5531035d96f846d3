import { afterEach, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Executable } from '../support/executable.ts'
import { expectProblem } from '../support/problem.ts'
import { reload, writeSettings } from '../support/reload.ts'
import { runExecutable } from '../support/startup.ts'
import { tempDir } from '../support/temp-dir.ts'

const BAD_CONFIG = 78

let server: Executable | undefined
afterEach(async () => {
  await server?.remove()
  server = undefined
})

const declared = (schema: string) =>
  `[[event_types]]\nname = "build.finished"\ndescription = "A build has ended."\ntopic = "builds/**"\npayload_schema = ${schema}\n`
const SCHEMA = '{ type = "object", required = ["outcome"], properties.outcome.enum = ["passed", "failed"] }'

test.each(['serve', 'config check'])(
  'mcp-sse %s is refused a schema that cannot be checked, with 78',
  async (command) => {
    using dir = tempDir()
    writeFileSync(join(dir.path, 'mcp-sse.toml'), declared('{ type = "object", requird = ["outcome"] }'))
    const ended = await runExecutable(command.split(' '), { cwd: dir.path })
    expect(ended).toMatchObject({ exitCode: BAD_CONFIG, stdout: '' })
    expect(ended.stderr).toMatch(
      /^mcp-sse: mcp-sse\.toml:1: event_types\[0\]\.payload_schema \(build\.finished\) is refused: unknown keyword: "requird"\.\nTry: mcp-sse /,
    )
  },
)

test('the executable refuses data that is not of its event type, also from the command line', async () => {
  server = await Executable.serve()
  await server.kill('SIGTERM')
  writeSettings(server, declared(SCHEMA))
  await server.start()
  const post = (outcome: string) =>
    fetch(`${server!.url}/events/builds/1`, { method: 'POST', body: JSON.stringify({ outcome }) })
  await expectProblem(await post('lost'), 400, 'invalid-event', '/data/outcome')
  expect((await post('passed')).status).toBe(201)
  const options = { cwd: server.dataDir, env: { MCP_SSE_URL: server.url } }
  const published = await runExecutable(['publish', 'builds/1', '{"outcome":"lost"}'], options)
  expect(published.exitCode).toBe(1)
  expect(published.stderr).toContain('/data/outcome must be one of "passed","failed" (enum).')
})

test('a reload says that event types need a restart, and refuses those that a start would', async () => {
  server = await Executable.serve()
  const post = () => fetch(`${server!.url}/events/builds/1`, { method: 'POST', body: 'text' })
  writeSettings(server, declared(SCHEMA))
  expect(await reload(server)).toContain('needs a restart: event_types')
  expect((await post()).status).toBe(201)
  writeSettings(server, declared('{ type = "object", properties.a.type = "text" }'))
  const said = await reload(server)
  expect(said).toContain('the configuration was not reloaded and everything goes on as before:')
  expect(said).toContain('event_types[0].payload_schema (build.finished) is refused: /properties/a/type must be')
})
