import { afterAll, beforeAll, expect, test } from 'bun:test'
import { OwnEvents } from '../../../src/cli/doctor/own-events.ts'
import { type Examination, type Finding, ok } from '../../../src/cli/doctor/probe.ts'
import { access } from '../../../src/cli/doctor/probes/access.ts'
import { Way } from '../../../src/cli/doctor/way.ts'
import { type TestKey, testKey } from '../../support/access.ts'
import { runCommand, startCommand } from '../../support/command.ts'
import { checkOf, doctor, examinedHub, troubles } from '../../support/doctor.ts'
import { holdingProxy } from '../../support/holding-proxy.ts'
import { freePort } from '../../support/port.ts'
import { scriptedHub } from '../../support/scripted-hub.ts'
import { secret } from '../../support/secrets.ts'
import type { ServedHub } from '../../support/served-hub.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { until } from '../../support/until.ts'

let key: TestKey
let hub: ServedHub
beforeAll(async () => {
  key = testKey('doctor', { publish: ['**'], subscribe: ['**'], admin: true })
  hub = await examinedHub({ access: { keys: [key.settings] } })
})
afterAll(() => hub?.close())

test('a way that holds streams until their end is found by the first bytes that do not come', async () => {
  await using proxy = holdingProxy(hub.url, { hold: Number.POSITIVE_INFINITY })
  const { examined, exitCode } = await doctor(proxy.url, { key: key.text, time: 'real' })
  expect(exitCode).toBe(1)
  expect(troubles(examined)).toMatchObject({ buffering: 'fail' })
  expect(checkOf(examined, 'buffering').saw).toContain('nor with 128 KiB more: something waits for the end')
  // What else needs streams is not blamed.
  for (const name of ['replay', 'compression', 'headers', 'idle'])
    expect(checkOf(examined, name).verdict).toBe('skipped')
})

test('a buffer that streams have to fill is found with its size', async () => {
  await using proxy = holdingProxy(hub.url, { hold: 40_000 })
  const { examined } = await doctor(proxy.url, { key: key.text, time: 'patient' })
  expect(checkOf(examined, 'buffering')).toMatchObject({ verdict: 'fail', numbers: { bufferKiB: 48 } })
}, 60_000)

test('a small buffer is found by the event that stays in it', async () => {
  await using proxy = holdingProxy(hub.url, { hold: 150 })
  const { examined } = await doctor(proxy.url, { key: key.text, time: 'patient' })
  expect(checkOf(examined, 'buffering')).toMatchObject({ verdict: 'fail' })
  expect(checkOf(examined, 'buffering').saw).toMatch(
    /16 bytes had not come 2\.0 s after it was stored, .*something holds it/,
  )
}, 60_000)

test('a way that is slow for every event is a warning, and no buffer', async () => {
  await using proxy = holdingProxy(hub.url, { slowMs: 900 })
  const { examined } = await doctor(proxy.url, { key: key.text, time: 'patient' })
  const { verdict, numbers } = checkOf(examined, 'buffering')
  expect(verdict).toBe('warn')
  expect(numbers.slowestMs).toBeGreaterThan(800)
}, 60_000)

test('one event that came late, and the next one like it did not, is no finding', async () => {
  // Of the third event, a large one, which alone would be what is left in a buffer.
  await using proxy = holdingProxy(hub.url, { once: { text: '2 ....', ms: 9000 } })
  const { examined } = await doctor(proxy.url, { key: key.text })
  expect(troubles(examined)).toEqual({})
  expect(checkOf(examined, 'buffering').saw).toContain('the slowest of 4 events came')
}, 120_000)

test('a compressor that does not flush is found, and that streams without compression go through', async () => {
  await using proxy = holdingProxy(hub.url, { hold: 'compressed' })
  const { examined } = await doctor(proxy.url, { key: key.text })
  expect(troubles(examined)).toEqual({ compression: 'fail' })
}, 60_000)

test('a hub that everyone may publish to is found where others reach it, and not on this machine', async () => {
  const open = await examinedHub({ access: { open: true } })
  try {
    const seen = async (url: string, local: boolean): Promise<Finding> => {
      const way = new Way(url, undefined, new AbortController().signal)
      Object.defineProperty(way, 'local', { value: local })
      return await access.run(examinationOf(way))
    }
    expect(await seen(open.url, false)).toMatchObject({
      verdict: 'fail',
      saw: `Everyone who reaches ${open.url} may publish and read, without a credential.`,
      advice: { more: 'docs/security.md' },
    })
    expect(await seen(open.url, true)).toMatchObject({ verdict: 'ok' })
    expect(await seen(hub.url, false)).toEqual(ok('Without a credential nobody publishes or reads here.'))
  } finally {
    await open.close()
  }
})

function examinationOf(way: Way): Examination {
  return {
    way,
    topic: 'doctor/x',
    events: new OwnEvents(way, 'doctor/x'),
    origin: 'https://app.example',
    originNamed: false,
    holdMs: 1000,
    restartMs: 0,
    known: { proxy: undefined, caller: undefined, streams: false },
    tell: async () => {},
  }
}

test('a key that the hub does not know is told from one that does not arrive', async () => {
  const { examined, exitCode } = await doctor(hub.url, { key: secret() })
  expect(exitCode).toBe(1)
  expect(troubles(examined)).toEqual({ credential: 'fail' })
  expect(checkOf(examined, 'credential').saw).toContain('[credential-invalid]')
})

test('without a key it says what it could not look at, and finds nothing wrong', async () => {
  const { examined, exitCode } = await doctor(hub.url)
  expect(exitCode).toBe(0)
  expect(troubles(examined)).toEqual({})
  const skipped = examined.checks.filter(({ verdict }) => verdict === 'skipped').map(({ check }) => check)
  expect(skipped.sort()).toEqual(
    ['buffering', 'compression', 'credential', 'headers', 'idle', 'mcp', 'mcp-2024', 'replay', 'restart'].sort(),
  )
})

test('a key that may only read publishes nothing, and what needs no publishing is looked at', async () => {
  const reader = testKey('reader', { subscribe: ['orders/*'] })
  const narrow = await examinedHub({ access: { keys: [reader.settings] } })
  try {
    const { examined, exitCode } = await doctor(narrow.url, { key: reader.text })
    expect({ exitCode, troubles: troubles(examined), left: examined.left }).toEqual({
      exitCode: 0,
      troubles: {},
      left: null,
    })
    expect(checkOf(examined, 'buffering').saw).toContain('No event was timed')
    expect(checkOf(examined, 'replay').saw).toStartWith('Last-Event-ID arrives.')
    expect(await narrow.stored()).toEqual([])
  } finally {
    await narrow.close()
  }
})

test('a key that may not erase is told what stays', async () => {
  const user = testKey('user', { publish: ['doctor/**'], subscribe: ['doctor/**'] })
  const served = await examinedHub({ access: { keys: [user.settings] } })
  try {
    const { examined, exitCode } = await doctor(served.url, { key: user.text, args: ['--topic', 'doctor/mine'] })
    const stored = await served.stored()
    expect(stored.length).toBeWithin(5, 16)
    expect(new Set(stored.map(({ topic }) => topic))).toEqual(new Set(['doctor/mine']))
    expect(examined.left).toBe(
      `${stored.length} events of doctor/mine stay until retention takes them: the key may not erase.`,
    )
    expect({ exitCode, troubles: troubles(examined) }).toEqual({ exitCode: 0, troubles: {} })
  } finally {
    await served.close()
  }
})

test('a page that was named and that the hub refuses is a problem, with the setting that lets it in', async () => {
  const { examined } = await doctor(hub.url, { key: key.text, args: ['--origin', 'https://shop.example'] })
  expect(troubles(examined)).toEqual({})
  const open = await examinedHub()
  try {
    expect(troubles((await doctor(open.url)).examined)).toEqual({})
    const refused = await doctor(open.url, { args: ['--origin', 'https://shop.example'] })
    expect(troubles(refused.examined)).toEqual({ cors: 'fail' })
    expect(checkOf(refused.examined, 'cors').change[0]).toBe('CORS_ORIGIN=https://shop.example')
  } finally {
    await open.close()
  }
})

test('Ctrl-C ends it, and what was published is erased', async () => {
  using dir = tempDir()
  const child = startCommand(['doctor', hub.url, '--for', '1m'], { cwd: dir.path, env: { MCP_SSE_KEY: key.text } })
  await until('it to publish', async () => (await hub.stored()).length > 0)
  child.kill('SIGINT')
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 130 })
  expect(stdout).toContain('Interrupted.')
  expect(await hub.stored()).toEqual([])
})

test('for a person it is a line a check, what to change below it, and how many problems there are', async () => {
  await using page = scriptedHub(() => new Response('\u001b[31mhello', { headers: { server: 'Caddy' } }))
  using dir = tempDir()
  const { stdout, exitCode } = await runCommand(['doctor', page.url], { cwd: dir.path, env: { MCP_SSE_KEY: secret() } })
  expect(exitCode).toBe(1)
  const [first, , tls, reach, change, more, skipped, , count] = stdout.split('\n')
  expect(first).toMatch(new RegExp(`^${page.url}, with events of doctor/[0-9a-f]{12}$`))
  expect(tls).toStartWith('ok   tls         http on this machine.')
  expect(reach).toBe(`FAIL reach       ${page.url}/livez answered 200, and that is not a hub: \\u{1b}[31mhello`)
  expect(change).toMatch(/^ {17}-> Check the URL/)
  expect(more).toBe('                 -> more: docs/deploy.md')
  expect(skipped).toMatch(/^skip credential, buffering, .*: No hub is reached\.$/)
  expect(count).toBe('1 problem, 13 checks skipped')
})

test('no answer and no name are found for what they are', async () => {
  const { examined } = await doctor(`http://127.0.0.1:${freePort()}`)
  expect(checkOf(examined, 'reach').saw).toMatch(/^No hub answers at http:\/\/127\.0\.0\.1:\d+ \(/)
  // Longer than a name can be, so that no DNS server is asked, which may be away.
  const name = `${'n'.repeat(64)}.invalid`
  const unknown = await doctor(`http://${name}`)
  expect(troubles(unknown.examined)).toMatchObject({ reach: 'fail' })
  expect(checkOf(unknown.examined, 'reach').saw).toBe(`No such name: ${name}.`)
})

test.each([
  [['--for', '1']],
  [['--for', '2h']],
  [['--origin', 'app.example']],
  [['--topic', 'a b']],
  [['--proxy', 'squid']],
  [['ftp://x']],
])('%p is a usage error', async (args) => {
  using dir = tempDir()
  const { stdout, stderr, exitCode } = await runCommand(['doctor', ...args], { cwd: dir.path })
  expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 2 })
  expect(stderr).toMatch(/\nTry: mcp-sse /)
})
