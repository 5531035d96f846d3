import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Executable } from '../support/executable.ts'
import { freePort } from '../support/port.ts'
import { registerSecret } from '../support/secrets.ts'
import { runExecutable } from '../support/startup.ts'
import { tempDir } from '../support/temp-dir.ts'

/** Every verb of the executable, started where there is nothing: no hub, no configuration, no terminal, no reader. */

interface Row {
  /** The rest of a command line that does something. */
  args?: readonly string[]
  /** Exit code where there is no hub. */
  alone: number
  /** What every object has that it prints with --json at a hub that has one event and a forward; `undefined`: no --json. */
  json?: readonly string[]
  /** In place of `args` there. */
  asked?: () => readonly string[]
  /** It goes on until it is stopped, so that only its refusals are looked at here. */
  stays?: true
}

const [DONE, FAILED, USAGE, IO_ERROR, BAD_CONFIG] = [0, 1, 2, 74, 78]
const SECRET = registerSecret('s'.repeat(8) + crypto.randomUUID())
const FORWARD = '[{ name = "x", topic = "greetings", url = "http://127.0.0.1:9/", private = true }]'
const OUTLET = ['id', 'kind', 'state']
const CONNECTION = ['id', 'kind', 'principal', 'topics', 'state', 'since', 'cursor', 'behind']
const EVENT = ['id', 'cursor', 'topic', 'type', 'time']

const rows: Record<string, Row> = {
  serve: { args: ['--port', '1x'], alone: BAD_CONFIG, stays: true },
  publish: { args: ['a', 'b'], alone: FAILED, json: EVENT },
  subscribe: {
    args: ['--no-follow'],
    alone: FAILED,
    json: [...EVENT, 'data'],
    asked: () => ['--count', '1', '--since', 'earliest'],
  },
  // Published or not, it ends as the command does.
  run: { args: ['a', '--', 'true'], alone: DONE },
  topics: { alone: FAILED, json: ['topic', 'events', 'lastCursor', 'lastTime'] },
  'connections list': { alone: FAILED, json: CONNECTION },
  'connections end': { args: ['con_x'], alone: FAILED },
  'webhooks list': { alone: FAILED, json: OUTLET },
  'webhooks show': { args: ['forward:x'], alone: FAILED, json: OUTLET },
  'webhooks disable': { args: ['forward:x'], alone: FAILED, json: OUTLET },
  'webhooks enable': { args: ['forward:x'], alone: FAILED, json: OUTLET },
  'webhooks redeliver': {
    args: ['forward:x', '--event', 'abc.1'],
    alone: FAILED,
    json: OUTLET,
    asked: () => ['forward:x', '--event', cursor],
  },
  'webhooks listen': { args: ['--status', '99'], alone: USAGE, stays: true },
  stdio: { alone: DONE },
  'log backup': {
    args: ['copy'],
    alone: FAILED,
    json: ['path', 'events', 'bytes', 'cursor', 'files', 'seconds'],
    asked: () => [join(store, 'copy'), '--data-dir', hub.dataDir],
  },
  'log restore': {
    args: ['nowhere'],
    alone: FAILED,
    json: ['dataDir', 'made', 'events', 'cursor', 'files', 'aside', 'seconds'],
    asked: () => [join(store, 'backup'), '--data-dir', join(store, 'restored')],
  },
  'log export': { alone: FAILED, json: [...EVENT, 'data'], asked: () => ['--data-dir', hub.dataDir] },
  'log import': {
    args: ['nowhere.ndjson'],
    alone: FAILED,
    json: ['events', 'duplicates', 'cursor', 'beyond', 'seconds'],
    asked: () => [join(store, 'events.ndjson'), '--data-dir', join(store, 'imported')],
  },
  'service install': { args: ['--root', '.', '--dry-run'], alone: DONE, json: ['did', 'unit', 'executable', 'key'] },
  'service uninstall': { args: ['--root', '.', '--dry-run'], alone: DONE, json: ['removed', 'left'] },
  'service print': { alone: DONE },
  'config check': { alone: DONE },
  'config print': { alone: DONE, json: ['key', 'value', 'origin'] },
  'key new': {
    args: ['ci', '--publish', 'a'],
    alone: DONE,
    json: ['name', 'key', 'sha256', 'publish', 'subscribe', 'admin', 'expires', 'file'],
  },
  'key list': { alone: DONE, json: ['name', 'publish', 'subscribe', 'admin', 'expires'] },
  'key revoke': { args: ['ci'], alone: FAILED },
  'token new': { args: ['--sub', 'me', '--subscribe', 'a'], alone: BAD_CONFIG, json: ['token', 'sub', 'expires'] },
  'token check': { args: ['eyJ'], alone: FAILED, json: ['ok'] },
  health: { alone: FAILED, json: ['url', 'status'], asked: () => ['--url', hub.url] },
  // What it finds goes to stdout, where there is no hub as well.
  doctor: {
    args: ['ftp://x'],
    alone: USAGE,
    json: ['url', 'ok', 'proxy', 'checks', 'left'],
    asked: () => ['--for', '1s'],
  },
  version: { alone: DONE, json: ['version', 'bun'] },
}

const withoutTerminal = Bun.which('setsid') ? ['setsid', '--wait'] : []
/** Runs what follows with a stdout that nobody reads any more, for certain: the only reader has closed. */
const unread = ['sh', '-c', 'mkfifo "$HOME/p" && exec 3<>"$HOME/p" 4>"$HOME/p" 3<&- && exec "$@" >&4', 'sh']

let nowhere: string
let hub: Executable
let cursor: string
/** Beside the data of the hub, and gone with it: a backup and events to import. */
let store: string
/** One that is there to be listed: held, since Bun ends what nobody can read any more. */
let open: Response
beforeAll(async () => {
  nowhere = `http://127.0.0.1:${freePort()}`
  hub = await Executable.serve({ MCP_SSE_FORWARD: FORWARD })
  const published = await fetch(`${hub.url}/events/greetings`, { method: 'POST', body: 'hello' })
  cursor = ((await published.json()) as { cursor: string }).cursor
  open = await fetch(`${hub.url}/events`)
  store = dirname(hub.dataDir)
  await runExecutable(['log', 'backup', 'backup', '--data-dir', hub.dataDir], { cwd: store })
  writeFileSync(join(store, 'events.ndjson'), '{"topic":"a","data":1}\n')
})
afterAll(async () => {
  await open?.body?.cancel()
  await hub?.remove()
})

/** The commands in the help of `words`, and in those of them. */
async function commands(words: readonly string[] = []): Promise<string[][]> {
  using dir = tempDir()
  const { stdout } = await runExecutable([...words, '--help'], { cwd: dir.path })
  const [, list = ''] = /\nCommands:\n((?: {2}.*\n)+)/.exec(stdout) ?? []
  const names = [...list.matchAll(/^ {2}([a-z]+)\b/gm)].map(([, name]) => name!).filter((name) => name !== 'help')
  const below = await Promise.all(names.map((name) => commands([...words, name])))
  return names.length === 0 ? [[...words]] : below.flat()
}

async function run(words: readonly string[], env: Record<string, string>, through = withoutTerminal) {
  using dir = tempDir()
  const ended = await runExecutable(words, { cwd: dir.path, env: { MCP_SSE_URL: nowhere, ...env }, through })
  return { ...ended, left: readdirSync(dir.path).filter((name) => name !== 'p') }
}

test('every verb that the help names has a row here', async () => {
  expect((await commands()).map((words) => words.join(' ')).sort()).toEqual(Object.keys(rows).sort())
})

describe.each(Object.entries(rows))('mcp-sse %s', (name, { args = [], alone, json, asked = () => args, stays }) => {
  const words = name.split(' ')

  test('--help is its usage and a sentence, on stdout', async () => {
    const { stdout, ...ended } = await run([...words, '--help'], {})
    expect(ended).toEqual({ stderr: '', exitCode: DONE, left: [] })
    expect(stdout).toMatch(new RegExp(`^Usage: mcp-sse ${name}( [^\\n]+)?\\n\\n[A-Z][^\\n]+\\n`))
    if (!stays) expect(stdout.includes('  --json ')).toBe(json !== undefined)
    expect(stdout).not.toMatch(/undefined|\[object|NaN/)
  })

  test('a flag that it does not have is a usage error with its help to type', async () => {
    const { stdout, stderr, exitCode, left } = await run([...words, '--no-such-flag', ...(stays ? [] : args)], {})
    const configured = words[0] === 'serve' || words[0] === 'config'
    expect({ stdout, exitCode, left }).toEqual({ stdout: '', exitCode: configured ? BAD_CONFIG : USAGE, left: [] })
    expect(stderr).toBe(`mcp-sse: Unknown option '--no-such-flag'.\nTry: mcp-sse ${name} --help\n`)
  })

  test(`without a hub, a file or a terminal it is exit ${alone} and leaves nothing behind`, async () => {
    const { stdout, stderr, exitCode, left } = await run([...words, ...args], {})
    if (name === 'key new') registerSecret(stdout.trim(), 'a new key')
    expect({ exitCode, left }).toEqual({ exitCode: alone, left: [] })
    if (alone === DONE) return
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^(mcp-sse: [^\n]+\n)+Try: [^\n]+\n$/)
    expect(stderr).not.toMatch(/\bat .*:\d+:\d+|node:|undefined|\[object|HubError|src\//)
  })

  if (json) {
    test('--json prints objects a line and nothing else on stdout', async () => {
      const env = { MCP_SSE_URL: hub.url, MCP_SSE_AUTH_JWT_SECRET: SECRET, MCP_SSE_AUTH_KEY: SECRET.slice(1) }
      const { stdout, left } = await run([...words, ...asked(), '--json'], env)
      const objects = stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line))
      expect(objects.length).toBeGreaterThan(0)
      for (const object of objects) expect(Object.keys(object)).toEqual(expect.arrayContaining([...json]))
      expect(left).toEqual([])
    })
  }

  test('a reader that has gone is an end and no error', async () => {
    const help = await run([...words, '--help'], {}, unread)
    expect(help).toMatchObject({ exitCode: DONE, stdout: '', stderr: '' })
    if (stays) return
    const { stderr, exitCode } = await run([...words, ...args], { MCP_SSE_URL: hub.url }, unread)
    expect([DONE, alone]).toContain(exitCode!)
    expect(stderr).not.toMatch(/EPIPE|broken pipe|\bat .*:\d+:\d+/i)
  })
})

test.skipIf(!existsSync('/dev/full'))('a disk that is full behind stdout is exit 74 and said on stderr', async () => {
  const full = ['sh', '-c', 'exec "$@" >/dev/full', 'sh']
  for (const words of [['version'], ['config', 'print'], ['topics', '--json'], ['--help']]) {
    const { stderr, exitCode } = await run(words, { MCP_SSE_URL: hub.url }, full)
    expect({ words, exitCode }).toEqual({ words, exitCode: IO_ERROR })
    expect(stderr).toBe('mcp-sse: ENOSPC: no space left on device, write\nTry: mcp-sse --help\n')
  }
})

test.each([
  ['stdin', '<&-'],
  ['stdout', '>&-'],
  ['all three', '<&- >&- 2>&-'],
])('%s closed, as some supervisors start programs, changes no exit code', async (_, closed) => {
  const through = ['sh', '-c', `exec "$@" ${closed}`, 'sh']
  for (const [words, exitCode] of [
    [['version'], DONE],
    [['topics'], FAILED],
    [['publish'], USAGE],
    [['serve', '--port', 'x'], BAD_CONFIG],
  ] as const) {
    const ended = await run(words, {}, through)
    expect({ words, exitCode: ended.exitCode, left: ended.left }).toEqual({ words, exitCode, left: [] })
  }
})

test.skipIf(!existsSync('/dev/full'))('a failure that nobody can be told keeps its exit code', async () => {
  for (const end of ['exec "$@" 2>/dev/full', 'mkfifo p && exec 3<>p 4>p 3<&- && exec "$@" 2>&4']) {
    const ended = await run(['topics'], {}, ['sh', '-c', end, 'sh'])
    expect(ended).toMatchObject({ exitCode: FAILED, stdout: '' })
  }
})
