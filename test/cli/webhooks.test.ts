import { afterAll, beforeAll, expect, test } from 'bun:test'
import { bearer, keySettings, testKey } from '../support/access.ts'
import { runCommand } from '../support/command.ts'
import { outletDetail, ScriptedOutlets } from '../support/scripted-outlets.ts'
import { type ServedHub, servedHub } from '../support/served-hub.ts'
import { tempDir } from '../support/temp-dir.ts'

const failing = outletDetail('sub_a', {
  state: 'suspended',
  behind: 12,
  waiting: 3,
  delivered: 1042,
  abandoned: 2,
  lastError: 'http_5xx',
  failedSince: '2026-11-22T11:00:00.000Z',
  expires: '2026-11-23T12:00:00.000Z',
  arguments: { topic: 'orders/**' },
  attempts: [
    { time: '2026-11-22T11:00:00.000Z', message: 'evt_abc_8', attempt: 1, status: 503, error: 'http_5xx', ms: 12.4 },
    { time: '2026-11-22T11:00:10.000Z', message: 'evt_abc_8', attempt: 2, status: null, error: 'timeout', ms: 10_000 },
  ],
  abandonedCursors: ['abc.4', 'abc.5'],
})
const chat = outletDetail('forward:chat')
const ops = testKey('ops', { admin: true })
const reader = testKey('reader', { subscribe: ['**'] })
let outlets: ScriptedOutlets
let served: ServedHub
beforeAll(async () => {
  served = await servedHub({ webhooks: () => outlets, access: keySettings([ops, reader]) })
})
afterAll(() => served.close())

async function webhooks(args: readonly string[], { key = ops.text, known = [failing, chat] } = {}) {
  outlets = new ScriptedOutlets(...known)
  using dir = tempDir()
  const env = { MCP_SSE_URL: served.url, MCP_SSE_KEY: key }
  return await runCommand(['webhooks', ...args], { cwd: dir.path, env })
}

test('list shows how each does, in columns', async () => {
  expect(await webhooks(['list'])).toEqual({
    exitCode: 0,
    stderr: '',
    stdout: [
      'ID            STATE      BEHIND  WAITING  DELIVERED  GIVEN UP  URL                          WANTS        LAST ERROR\n',
      'forward:chat  active          0        0          7         0  https://hooks.example.net/…  orders/**\n',
      'sub_a         suspended      12        3       1042         2  https://hooks.example.net/…  topic.event  http_5xx since 2026-11-22 11:00:00Z\n',
    ].join(''),
  })
})

test('list --json has one object a line, and the filters are the hub’s', async () => {
  const all = await webhooks(['list', '--json'])
  expect(
    all.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).id),
  ).toEqual(['forward:chat', 'sub_a'])
  const suspended = await webhooks(['list', '--json', '--state', 'suspended'])
  expect(JSON.parse(suspended.stdout)).toEqual(outlets.list().find(({ id }) => id === 'sub_a')!)
  expect((await webhooks(['list', '--kind', 'forward', '--state', 'suspended'])).stderr).toBe(
    'mcp-sse: there are no such webhooks or forwards.\nTry: mcp-sse webhooks listen\n',
  )
  expect(await webhooks(['list', '--state', 'dead'])).toMatchObject({
    exitCode: 1,
    stderr:
      'mcp-sse: state is one of active, suspended, disabled. [invalid-query at /state]\nTry: mcp-sse webhooks list --help\n',
  })
})

test('list goes through every page under one head', async () => {
  const known = Array.from({ length: 1001 }, (_, index) => outletDetail(`sub_${String(index).padStart(4, '0')}`))
  const lines = (await webhooks(['list'], { known })).stdout.trim().split('\n')
  expect(lines.map((line) => line.split(' ', 1)[0]!)).toEqual(['ID', ...known.map(({ id }) => id)])
})

test('a hub that sends nothing by itself says so, and where to begin', async () => {
  expect(await webhooks(['list'], { known: [] })).toEqual({
    exitCode: 0,
    stdout: '',
    stderr: 'mcp-sse: there are no webhooks and no forwards.\nTry: mcp-sse webhooks listen\n',
  })
})

test('show has everything of one, its attempts, and what to type for what was given up', async () => {
  expect(await webhooks(['show', 'sub_a'])).toEqual({
    exitCode: 0,
    stdout: `id             sub_a
kind           webhook
state          suspended
principal      key:agent
url            https://hooks.example.net/…
wants          topic.event {"topic":"orders/**"}
expires        2026-11-23 12:00:00Z
cursor         abc.7, 12 behind
waiting        3
delivered      1042, last at 2026-11-22 12:00:00Z
given up       2, last abc.4 abc.5
last error     http_5xx
failing since  2026-11-22 11:00:00Z

2026-11-22 11:00:00Z  evt_abc_8  attempt 1  503        12 ms     http_5xx
2026-11-22 11:00:10Z  evt_abc_8  attempt 2  no answer  10000 ms  timeout
`,
    stderr: 'Try: mcp-sse webhooks redeliver sub_a --event abc.5\n',
  })
  const json = await webhooks(['show', 'sub_a', '--json'])
  expect([JSON.parse(json.stdout), json.stderr]).toEqual([failing, ''])
  expect((await webhooks(['show', 'forward:chat'])).stdout).toContain('expires    never\n')
})

test('what subscribers chose does not steer the terminal', async () => {
  const known = [outletDetail('sub_x', { principal: 'sub:\u001b[2J', arguments: { topic: 'a\u009b31m' } })]
  const { stdout } = await webhooks(['show', 'sub_x'], { known })
  expect(stdout).toContain('principal  sub:\\u{1b}[2J\n')
  expect(stdout).toContain('"a\\u{9b}31m"')
})

test('disable and enable say what it then is', async () => {
  expect(await webhooks(['disable', 'forward:chat'])).toEqual({
    exitCode: 0,
    stdout:
      'forward:chat is disabled: what comes meanwhile is sent when it is enabled again, as far as the log still has it.\n',
    stderr: '',
  })
  expect(outlets.asked).toEqual(['disabled forward:chat'])
  const enabled = await webhooks(['enable', 'sub_a', '--json'])
  expect(JSON.parse(enabled.stdout)).toEqual({ ...failing, state: 'active' })
  expect(outlets.asked).toEqual(['active sub_a'])
})

test('redeliver sends one event or all after a cursor, and never guesses which', async () => {
  expect((await webhooks(['redeliver', 'sub_a', '--event', 'abc.5'])).stdout).toBe(
    'sub_a: the event abc.5 is sent again.\n',
  )
  expect(outlets.asked).toEqual(['redeliver sub_a {"event":"abc.5"}'])
  expect((await webhooks(['redeliver', 'sub_a', '--after', 'abc.0'])).stdout).toBe(
    'sub_a: everything after abc.0 is sent again.\n',
  )
  expect(outlets.asked).toEqual(['redeliver sub_a {"after":"abc.0"}'])
  for (const wrong of [[], ['--event', 'abc.1', '--after', 'abc.1']]) {
    expect(await webhooks(['redeliver', 'sub_a', ...wrong])).toMatchObject({
      exitCode: 2,
      stderr:
        'mcp-sse: Say what is to be sent again: one event with --event, or all after a place with --after.\nTry: mcp-sse webhooks show sub_a\n',
    })
    expect(outlets.asked).toEqual([])
  }
  expect((await webhooks(['redeliver', 'sub_a', '--event', 'last'])).stderr).toEndWith(
    '[invalid-cursor at /event]\nTry: mcp-sse webhooks redeliver --help\n',
  )
})

test('an id the hub does not know, and one that is none, lead to the list', async () => {
  expect(await webhooks(['show', 'sub_z'])).toEqual({
    exitCode: 1,
    stdout: '',
    stderr: `mcp-sse: There is no webhook and no forward of this id; GET /webhooks lists those that are. [not-found]\nTry: mcp-sse webhooks list --url ${served.url}\n`,
  })
  for (const id of ['', '..', 'chat', 'sub_a/disable', 'forward:a?b']) {
    const { exitCode, stderr } = await webhooks(['show', id])
    expect([exitCode, stderr]).toEqual([
      2,
      'mcp-sse: An id is sub_… or forward:<name>, as the list has it.\nTry: mcp-sse webhooks list\n',
    ])
  }
})

test('without the grant it is refused with the command to type with another key', async () => {
  for (const [args, again] of [
    [['list'], 'list'],
    [['show', 'sub_a'], 'show <id>'],
    [['disable', 'sub_a'], 'disable <id>'],
    [['enable', 'sub_a'], 'enable <id>'],
    [['redeliver', 'sub_a', '--event', 'abc.1'], 'redeliver <id> --event <cursor>'],
  ] as const) {
    const { exitCode, stderr } = await webhooks(args, { key: reader.text })
    expect(exitCode).toBe(1)
    expect(stderr).toEndWith(`[forbidden]\nTry: MCP_SSE_KEY=<key> mcp-sse webhooks ${again} --url ${served.url}\n`)
  }
  expect((await served.fetch('/webhooks', { headers: bearer(ops.text) })).status).toBe(200)
})
