import { expect, test } from 'bun:test'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { given } from '../../../src/cli/subscribe/event-command.ts'
import { runCommand, startCommand } from '../../support/command.ts'
import { RecordingScript } from '../../support/recording-script.ts'
import { control, envelope, opening, scriptedHub, stream } from '../../support/scripted-hub.ts'
import { secret } from '../../support/secrets.ts'
import { type ServedHub, servedHub } from '../../support/served-hub.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { until } from '../../support/until.ts'

const OPEN = opening('abc.0')

async function publish(hub: ServedHub, ...data: string[]): Promise<void> {
  for (const one of data) expect((await hub.fetch('/events/orders/1', { method: 'POST', body: one })).status).toBe(201)
}

function contentOf(...path: string[]): string {
  const file = join(...path)
  return existsSync(file) ? readFileSync(file, 'utf8') : ''
}

test('the command is given the document on stdin and what it is in the environment, and not the key', async () => {
  await using hub = scriptedHub(() => stream({ frames: OPEN + envelope(1, { data: 'a\nb' }), end: false }))
  using dir = tempDir()
  const env = { MCP_SSE_KEY: secret(), OTHER: 'kept', MCP_SSE_GAP: 'stale' }
  const shown =
    'cat; echo "$MCP_SSE_TOPIC|$MCP_SSE_TYPE|$MCP_SSE_ID|$MCP_SSE_CURSOR|$MCP_SSE_TIME|$OTHER|$MCP_SSE_GAP"; env'
  const ended = await runCommand(['subscribe', '--url', hub.url, '--count', '1', '--exec', shown], {
    cwd: dir.path,
    env,
  })
  expect([ended.stderr, ended.exitCode]).toEqual(['', 0])
  const [document, fields] = ended.stdout.split('\n')
  expect(JSON.parse(document!).data).toBe('a\nb')
  expect(fields).toBe('orders/42|order.paid|evt_abc_1|abc.1|2026-11-22T12:00:00.000Z|kept|')
  expect(ended.stdout).not.toContain('MCP_SSE_KEY')
})

test('a command that fails is run again for the same event, the place stays, and events keep their order', async () => {
  const hub = await servedHub()
  using dir = tempDir()
  try {
    await publish(hub, 'one', 'two')
    writeFileSync(join(dir.path, 'place'), 'earliest\n')
    // The second event fails until the file is there.
    const script = new RecordingScript(dir.path, 'case $event in *two*) test -e mended;; esac')
    const args = ['subscribe', 'orders/*', '--url', hub.url, '--state', 'place', '--exec', script.command]
    const child = startCommand([...args, '--count', '2'], { cwd: dir.path })
    await until('a second run for the second event', () => script.runs.length >= 3)
    const [first, second] = script.runs
    expect(contentOf(dir.path, 'place')).toBe(`${first!.cursor}\n`)
    writeFileSync(join(dir.path, 'mended'), '')
    expect(await child.exited).toBe(0)
    expect(contentOf(dir.path, 'place')).toBe(`${second!.cursor}\n`)
    expect(new Set(script.runs.map(({ data }) => data))).toEqual(new Set(['one', 'two']))
    expect(script.runs.slice(1).every(({ data }) => data === 'two')).toBe(true)
    expect(await new Response(child.stderr).text()).toMatch(
      new RegExp(
        `^mcp-sse: the command ended with 1 for ${second!.cursor} \\(attempt 1\\), trying again in (0\\.[89]|1\\.[012]) s\n`,
      ),
    )
  } finally {
    await hub.close()
  }
})

test('--attempts gives an event up, says so, and goes on', async () => {
  await using hub = scriptedHub(() => stream({ frames: OPEN + envelope(1) + envelope(2), end: false }))
  using dir = tempDir()
  const args = ['--url', hub.url, '--state', 'place', '--attempts', '1', '--count', '2']
  const ended = await runCommand(['subscribe', ...args, '--exec', 'test $MCP_SSE_CURSOR = abc.2 || kill -9 $$'], {
    cwd: dir.path,
  })
  expect(ended).toEqual({
    stdout: '',
    stderr: 'mcp-sse: the command ended with SIGKILL for abc.1; given up after 1 attempt, the next one follows\n',
    exitCode: 0,
  })
  expect(contentOf(dir.path, 'place')).toBe('abc.2\n')
})

test('a command that does not read a large document is done all the same', async () => {
  const large = envelope(1, { data: 'x'.repeat(250 * 1024) })
  await using hub = scriptedHub(() => stream({ frames: OPEN + large + envelope(2), end: false }))
  using dir = tempDir()
  const args = ['subscribe', '--url', hub.url, '--count', '2', '--exec', 'exec <&-; echo $MCP_SSE_CURSOR']
  expect(await runCommand(args, { cwd: dir.path })).toEqual({ stdout: 'abc.1\nabc.2\n', stderr: '', exitCode: 0 })
})

test('a gap is said, and told to the next command until one succeeds, also after a restart', async () => {
  const gap = control('$gap', { requested: 'abc.0', resumedFrom: 'abc.9', reason: 'expired' }, 'abc.9')
  await using hub = scriptedHub(() =>
    stream({ frames: OPEN + gap + envelope(10) + envelope(11) + envelope(12), end: false }),
  )
  using dir = tempDir()
  const run = (command: string) =>
    runCommand(
      ['subscribe', '--url', hub.url, '--state', 'place', '--attempts', '1', '--count', '1', '--exec', command],
      {
        cwd: dir.path,
      },
    )
  const failed = await run('echo "gap=$MCP_SSE_GAP"; exit 3')
  expect(failed.stdout).toBe('gap=1\n')
  expect(failed.stderr).toStartWith('mcp-sse: gap: events between abc.0 and abc.9 are missing (expired)\n')
  expect(contentOf(dir.path, 'place')).toBe('abc.10 gap\n')
  await using quiet = scriptedHub(() => stream({ frames: opening('abc.10') + envelope(11) + envelope(12), end: false }))
  const args = ['subscribe', '--url', quiet.url, '--state', 'place', '--count', '2']
  const { stdout } = await runCommand([...args, '--exec', 'echo "gap=$MCP_SSE_GAP"'], { cwd: dir.path })
  expect(stdout).toBe('gap=1\ngap=\n')
  expect(quiet.requests[0]!.query.get('since')).toBe('abc.10')
  expect(contentOf(dir.path, 'place')).toBe('abc.12\n')
})

test('a place of another hub is a gap that is said, and the stream goes on', async () => {
  const hub = await servedHub()
  using dir = tempDir()
  try {
    writeFileSync(join(dir.path, 'place'), 'otherhub.77\n')
    const args = [
      'subscribe',
      '--url',
      hub.url,
      '--state',
      'place',
      '--count',
      '1',
      '--exec',
      'echo "gap=$MCP_SSE_GAP"',
    ]
    const child = startCommand(args, { cwd: dir.path })
    await until('the gap to be kept', () => contentOf(dir.path, 'place').endsWith(' gap\n'))
    await publish(hub, 'after')
    expect(await child.exited).toBe(0)
    expect(await new Response(child.stdout).text()).toBe('gap=1\n')
    expect(await new Response(child.stderr).text()).toContain('gap: events between otherhub.77 and ')
  } finally {
    await hub.close()
  }
})

test('the place moves on with a stream that brings no event', async () => {
  const frames = `${OPEN}:\nid: abc.7\n\n`
  await using hub = scriptedHub(() => stream({ frames, end: false }))
  using dir = tempDir()
  const child = startCommand(['subscribe', '--url', hub.url, '--state', 'place', '--exec', 'true'], { cwd: dir.path })
  await until('the position in the file', () => contentOf(dir.path, 'place') === 'abc.7\n')
  child.kill('SIGTERM')
  expect(await child.exited).toBe(0)
})

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s reaches all that the command started, and what it was doing is not done, whatever it says',
  async (signal) => {
    await using hub = scriptedHub(() => stream({ frames: OPEN + envelope(1), end: false }))
    using dir = tempDir()
    const command = `trap 'echo told >> log; exit 0' INT TERM; sh -c 'trap "echo inner >> log; exit" INT TERM; echo up >> log; while :; do sleep 0.1; done'; echo end >> log`
    const child = startCommand(['subscribe', '--url', hub.url, '--state', 'place', '--exec', command], {
      cwd: dir.path,
    })
    await until('the command to run', () => contentOf(dir.path, 'log') === 'up\n')
    child.kill(signal)
    expect(await child.exited).toBe(0)
    expect(contentOf(dir.path, 'log').split('\n').sort()).toEqual(['', 'inner', 'told', 'up'])
    expect(contentOf(dir.path, 'place')).toBe('abc.0\n')
  },
)

test('a second signal kills a command that ignores the first', async () => {
  await using hub = scriptedHub(() => stream({ frames: OPEN + envelope(1), end: false }))
  using dir = tempDir()
  const command = `trap 'echo >> told' TERM; echo $$ > pid; while :; do sleep 0.1; done`
  const child = startCommand(['subscribe', '--url', hub.url, '--exec', command], { cwd: dir.path })
  const pid = Number(await until('the command to run', () => contentOf(dir.path, 'pid').trim()))
  child.kill('SIGTERM')
  await until('the command to be told', () => existsSync(join(dir.path, 'told')))
  child.kill('SIGTERM')
  await child.exited
  await until('the command to be gone', () => {
    try {
      process.kill(pid, 0)
      return false
    } catch {
      return true
    }
  })
})

test.each(['SIGHUP', 'SIGTERM'] as const)(
  'after %s it waits for all that the command started: nothing of it runs beside the next start',
  async (signal) => {
    await using hub = scriptedHub(() => stream({ frames: OPEN + envelope(1), end: false }))
    using dir = tempDir()
    // The shell goes at once, what it started takes its time over an event that is not done.
    const slow = `trap "echo told >> log" HUP TERM; echo up >> log; while ! test -e go; do sleep 0.05; done; echo slow >> log`
    const child = startCommand(
      ['subscribe', '--url', hub.url, '--state', 'place', '--exec', `sh -c '${slow}' & wait`],
      {
        cwd: dir.path,
      },
    )
    await until('the command to run', () => contentOf(dir.path, 'log') === 'up\n')
    child.kill(signal)
    await until('the command to be told', () => contentOf(dir.path, 'log').endsWith('told\n'))
    expect(await Promise.race([child.exited, Bun.sleep(300).then(() => 'waits')])).toBe('waits')
    writeFileSync(join(dir.path, 'go'), '')
    await child.exited
    expect(contentOf(dir.path, 'log')).toBe('up\ntold\nslow\n')
    expect([child.exitCode, child.signalCode]).toEqual(signal === 'SIGHUP' ? [null, 'SIGHUP'] : [0, null])
    expect(contentOf(dir.path, 'place')).toBe('abc.0\n')
  },
)

test('on Windows a field that cmd would obey is not in the environment', () => {
  const hostile = ['a&calc', 'a|b', 'a<b', 'a>b', 'a^b', 'a"b', '%PATH%', 'a!b', 'a\nb']
  expect(hostile.map((text) => given(text, 'win32'))).toEqual(hostile.map(() => undefined))
  expect(hostile.map((text) => given(text, 'linux'))).toEqual(hostile)
  expect(given('orders/42', 'win32')).toBe('orders/42')
})

test('it does not wait for the next try after a signal', async () => {
  await using hub = scriptedHub(() => stream({ frames: OPEN + envelope(1), end: false }))
  using dir = tempDir()
  const child = startCommand(['subscribe', '--url', hub.url, '--exec', 'exit 1'], { cwd: dir.path })
  const stderr = child.stderr.getReader()
  let said = ''
  // After the fourth it waits for 6.4 s at least.
  while (!said.includes('(attempt 4)')) said += Buffer.from((await stderr.read()).value!).toString()
  const started = performance.now()
  child.kill('SIGTERM')
  expect(await child.exited).toBe(0)
  expect(performance.now() - started).toBeLessThan(6000)
})

test('--no-follow handles what the log holds and ends, and the next start goes on there', async () => {
  const hub = await servedHub()
  using dir = tempDir()
  try {
    const script = new RecordingScript(dir.path)
    const args = [
      'subscribe',
      'orders/*',
      '--url',
      hub.url,
      '--state',
      'place',
      '--no-follow',
      '--exec',
      script.command,
    ]
    const handled = async () => {
      expect(await runCommand(args, { cwd: dir.path })).toEqual({ stdout: '', stderr: '', exitCode: 0 })
      return script.runs.map(({ data }) => data)
    }
    await publish(hub, 'one', 'two')
    expect(await handled()).toEqual(['one', 'two'])
    expect(await handled()).toEqual(['one', 'two'])
    await publish(hub, 'three')
    expect(await handled()).toEqual(['one', 'two', 'three'])
  } finally {
    await hub.close()
  }
})

test('killed at any time, it handles every event at least once, in order, and skips none', async () => {
  const hub = await servedHub()
  using dir = tempDir()
  try {
    const script = new RecordingScript(dir.path)
    const total = 60
    const args = ['subscribe', 'orders/*', '--url', hub.url, '--state', 'place', '--exec', script.command]
    let child = startCommand(args, { cwd: dir.path })
    await until('the first place', () => contentOf(dir.path, 'place'))
    for (let number = 0; number < total; number++) await publish(hub, `${number}`)
    for (let kills = 1; kills <= 4; kills++) {
      await until('some progress', () => script.runs.length >= kills * 10)
      child.kill('SIGKILL')
      await child.exited
      child = startCommand(args, { cwd: dir.path })
    }
    await until('the last event', () => script.runs.at(-1)?.data === total - 1)
    child.kill('SIGTERM')
    await child.exited
    const data = script.runs.map((run) => run.data as number)
    expect([...new Set(data)]).toEqual(Array.from({ length: total }, (_, number) => number))
    // At most the one that was under way is repeated.
    expect(data.length).toBeLessThanOrEqual(total + 4 + 1)
  } finally {
    await hub.close()
  }
})

test('a command that is slower than the stream is cut off, goes on from the log, and misses and repeats nothing', async () => {
  const hub = await servedHub({ limits: { maxStallMs: 300 } })
  using dir = tempDir()
  try {
    // It does not read what is large: a shell does so byte by byte.
    const command = 'echo $MCP_SSE_CURSOR >> handled; while ! test -e go; do sleep 0.05; done'
    const args = ['subscribe', 'orders/*', '--url', hub.url, '--state', 'place', '--exec', command, '--count', '81']
    const child = startCommand(args, { cwd: dir.path })
    await until('the first place', () => contentOf(dir.path, 'place'))
    await publish(hub, 'first', ...Array.from({ length: 80 }, () => 'x'.repeat(200 * 1024)))
    await until('the cut', () => hub.hub.connections === 0)
    writeFileSync(join(dir.path, 'go'), '')
    expect(await child.exited).toBe(0)
    const offsets = contentOf(dir.path, 'handled')
      .trim()
      .split('\n')
      .map((cursor) => Number(cursor.split('.')[1]))
    expect(offsets).toEqual(Array.from({ length: 81 }, (_, index) => offsets[0]! + index))
    expect(await new Response(child.stderr).text()).toContain('connection lost (the hub closed it: slow-consumer)')
  } finally {
    await hub.close()
  }
})

test('a page of history from a place of another hub says the gap', async () => {
  const hub = await servedHub()
  using dir = tempDir()
  try {
    await publish(hub, 'one')
    writeFileSync(join(dir.path, 'place'), 'otherhub.77\n')
    const args = ['subscribe', '--no-follow', '--url', hub.url, '--state', 'place', '--exec', 'cat']
    const ended = await runCommand(args, { cwd: dir.path })
    expect(ended).toMatchObject({ stdout: '', exitCode: 0 })
    expect(ended.stderr).toContain('gap')
    expect(contentOf(dir.path, 'place')).toMatch(/^[^o].*\.1 gap\n$/)
  } finally {
    await hub.close()
  }
})

test.each([
  [['--exec', ' '], "--exec has no command.\nTry: mcp-sse subscribe 'orders/**' --exec 'cat >> orders.ndjson'"],
  [['--attempts', '3'], "--attempts is for --exec.\nTry: mcp-sse subscribe --exec 'cat >> orders.ndjson' --attempts 5"],
  [
    ['--exec', 'true', '--json'],
    '--json is for printing; the command of --exec is given the document as it is.\nTry: ',
  ],
  [
    ['--state', 'f', '--since', '1h'],
    '--state goes on where the file says, --since starts elsewhere.\nTry: echo earliest > FILE && mcp-sse subscribe --state FILE',
  ],
  [['--state', 'f', '--last', '1'], '--state goes on where the file says, --last starts elsewhere.\nTry: '],
])('%j is refused with 2 and something to type', async (args, says) => {
  using dir = tempDir()
  const { stderr, exitCode } = await runCommand(['subscribe', ...args], { cwd: dir.path })
  expect(exitCode).toBe(2)
  expect(stderr).toStartWith(`mcp-sse: ${says}`)
})
