import { expect, test } from 'bun:test'
import { chmodSync, existsSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { runCommand, startCommand } from '../support/command.ts'
import { problem, type Received, scriptedHub } from '../support/scripted-hub.ts'
import { expectSecret, secret } from '../support/secrets.ts'
import { tempDir } from '../support/temp-dir.ts'
import { until } from '../support/until.ts'

const LEFT_BEHIND =
  'mcp-sse: the command left a process in the background that holds its output; what that writes from now on is lost.\n' +
  'Try: run --no-output, or send its output to a file: <command> >file 2>&1 &\n'

const stored = () => Response.json({ cursor: 'abc.1' }, { status: 201 })

function published({ body }: Received) {
  return JSON.parse(body) as { topic: string; type: string; id: string; data: Record<string, unknown> }
}

async function run(args: readonly string[], answer: (request: Received, index: number) => Response = stored, env = {}) {
  await using hub = scriptedHub(answer)
  using dir = tempDir()
  const ended = await runCommand(['run', ...args], {
    cwd: dir.path,
    env: { MCP_SSE_URL: hub.url, ...env },
    stdin: 'in\n',
  })
  return { ...ended, requests: hub.requests, url: hub.url }
}

test('a command that succeeds is run.ok with its last lines, and has its own stdin, stdout and stderr', async () => {
  const command = ['sh', '-c', 'cat; echo warning >&2; printf "\\000\\377"']
  const { stdout, stderr, exitCode, requests } = await run(['cron/backup', '--', ...command])
  expect([stdout, stderr, exitCode]).toEqual(['in\n\0\ufffd', 'warning\n', 0])
  expect(requests).toHaveLength(1)
  expect(requests[0]).toMatchObject({ method: 'POST', path: '/events' })
  const { topic, type, data } = published(requests[0]!)
  expect([topic, type]).toEqual(['cron/backup', 'run.ok'])
  const { ms, lastLines, ...rest } = data
  expect(rest).toEqual({ command, exitCode: 0, host: hostname() })
  expect(ms).toBeNumber()
  expect((lastLines as string[]).sort()).toEqual(['in', 'warning', '\ufffd'])
})

test('a success that no hub answers, such as the page of a proxy, does not count as published', async () => {
  const { stderr, exitCode, requests, url } = await run(['t', '--', 'true'], () => new Response('Welcome'))
  expect(exitCode).toBe(0)
  expect(stderr).toContain(
    `How the command ends is not published: ${url}/events answered 200 OK, which is not the answer of a hub: Welcome\n`,
  )
  expect(requests).toHaveLength(1)
})

test('a command that fails is run.failed, and its exit code is ours', async () => {
  const { exitCode, requests } = await run(['t', '--', 'sh', '-c', 'exit 42'])
  expect(exitCode).toBe(42)
  expect(published(requests[0]!)).toMatchObject({ type: 'run.failed', data: { exitCode: 42 } })
})

test('a command that a signal ended is run.failed with its name', async () => {
  const { exitCode, requests } = await run(['t', '--', 'sh', '-c', 'kill -KILL $$'])
  expect(exitCode).toBe(137)
  expect(published(requests[0]!).data).toMatchObject({ exitCode: 137, signal: 'SIGKILL' })
})

test('--no-output leaves the lines out and passes the output on', async () => {
  const { stdout, requests } = await run(['--no-output', 't', '--', 'echo', 'password'])
  expect(stdout).toBe('password\n')
  expect(published(requests[0]!).data).not.toHaveProperty('lastLines')
})

test('options after -- are those of the command', async () => {
  const { stdout, requests } = await run(['t', '--', 'printf', '%s\n', '--help', '--no-output', '--'])
  expect(stdout).toBe('--help\n--no-output\n--\n')
  expect(published(requests[0]!).data.command).toEqual(['printf', '%s\n', '--help', '--no-output', '--'])
})

test('a command that is not there is 127 and run.failed, one that cannot be run 126', async () => {
  const { stderr, exitCode, requests } = await run(['t', '--', 'no-such-command'])
  expect(exitCode).toBe(127)
  expect(stderr).toBe('mcp-sse: no-such-command cannot be run (ENOENT).\nTry: command -v <command>\n')
  expect(published(requests[0]!)).toMatchObject({ type: 'run.failed', data: { exitCode: 127, lastLines: [] } })
  using dir = tempDir()
  const file = join(dir.path, 'plain')
  writeFileSync(file, 'x')
  chmodSync(file, 0o644)
  expect((await run(['t', '--', file])).exitCode).toBe(126)
})

test('a refused report is said and changes nothing, and is not tried again', async () => {
  const { stderr, exitCode, requests, url } = await run(['t', '--', 'sh', '-c', 'exit 3'], () =>
    problem(403, 'forbidden', 'This key may not publish to "t".'),
  )
  expect([exitCode, requests.length]).toEqual([3, 1])
  expect(stderr).toBe(
    `mcp-sse: How the command ends is not published: This key may not publish to "t". [forbidden]\nTry: MCP_SSE_KEY=<key> mcp-sse run <topic> -- <command> --url ${url}\n`,
  )
})

test('a report that cannot be taken now is sent again under the same id', async () => {
  const { stderr, exitCode, requests } = await run(['t', '--', 'true'], (_, index) =>
    index === 0 ? problem(503, 'draining', 'Restarting.', { 'retry-after': '0' }) : stored(),
  )
  expect([stderr, exitCode, requests.length]).toEqual(['', 0, 2])
  expect(published(requests[0]!).id).toBe(published(requests[1]!).id)
})

test('without a hub the command runs, and its exit code comes within some ten seconds', async () => {
  using dir = tempDir()
  const started = performance.now()
  const { stderr, stdout, exitCode } = await runCommand(
    ['run', 't', '--url', 'http://127.0.0.1:1', '--', 'echo', 'ran'],
    {
      cwd: dir.path,
    },
  )
  expect([stdout, exitCode]).toEqual(['ran\n', 0])
  expect(stderr).toStartWith('mcp-sse: How the command ends is not published: No hub answers at http://127.0.0.1:1')
  // A request that nobody gives up takes five minutes.
  expect(performance.now() - started).toBeLessThan(60_000)
}, 90_000)

test('a setting that is wrong is said first, and the command runs', async () => {
  const { stderr, stdout, exitCode } = await run(['t', '--', 'echo', 'ran'], stored, { MCP_SSE_URL: 'nowhere' })
  expect([stdout, exitCode]).toEqual(['ran\n', 0])
  expect(stderr).toStartWith('mcp-sse: How the command ends is not published: MCP_SSE_URL is not an http or https URL')
})

test('a topic that no hub takes is refused before anything runs', async () => {
  const { stdout, stderr, exitCode, requests } = await run(['a b', '--', 'echo', 'ran'])
  expect([stdout, exitCode, requests.length]).toEqual(['', 2, 0])
  expect(stderr).toBe(
    'mcp-sse: The command was not run, because of its topic: a topic has no control characters, no white space and no *.\nTry: mcp-sse run cron/backup -- true\n',
  )
})

test('a script may open its own output by name', async () => {
  const { stdout, stderr, exitCode } = await run(['t', '--', 'sh', '-c', 'echo a > /dev/stdout; echo b > /dev/stderr'])
  expect([stdout, stderr, exitCode]).toEqual(['a\n', 'b\n', 0])
})

test('a megabyte of output is passed on whole, and in order', async () => {
  const { stdout } = await run(['t', '--', 'seq', '1', '150000'])
  expect(stdout).toBe(`${Array.from({ length: 150_000 }, (_, index) => index + 1).join('\n')}\n`)
})

test('the key is in no report, whatever the command was called with and says', async () => {
  const key = secret()
  const echoed = ['sh', '-c', 'echo said $MCP_SSE_KEY; exit 1', `with ${key}`]
  await using hub = scriptedHub(stored)
  using dir = tempDir()
  // The command's own output is its own business, so this one is not searched.
  const options = expectSecret({ cwd: dir.path, env: { MCP_SSE_KEY: key } })
  expect((await runCommand(['run', 't', '--url', hub.url, '--', ...echoed], options)).exitCode).toBe(1)
  expect(hub.requests[0]!.headers.get('authorization')).toBe(`Bearer ${key}`)
  expect(hub.requests[0]!.body).not.toContain(key)
  expect(published(hub.requests[0]!).data).toMatchObject({
    command: ['sh', '-c', expect.any(String), 'with (key)'],
    lastLines: ['said (key)'],
  })
})

test.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1'] as const)(
  '%s is the command’s, and how it ends is published',
  async (signal) => {
    await using hub = scriptedHub(stored)
    using dir = tempDir()
    const script = `trap 'echo told; exit 9' ${signal.slice(3)}; echo up; while :; do sleep 0.05; done`
    const child = startCommand(['run', 't', '--url', hub.url, '--', 'sh', '-c', script], { cwd: dir.path })
    await child.stdout.getReader().read()
    child.kill(signal)
    expect(await child.exited).toBe(9)
    expect(published(hub.requests[0]!).data).toMatchObject({ exitCode: 9, lastLines: ['up', 'told'] })
  },
)

test('a signal that it was started to ignore stays ignored, as nohup wants', async () => {
  await using hub = scriptedHub(stored)
  using dir = tempDir()
  const script = 'echo up > up; while ! test -e go; do sleep 0.05; done; echo went'
  const entry = join(import.meta.dir, '../../src/index.ts')
  const inner = [process.execPath, 'run', entry, 'run', 't', '--url', hub.url, '--', 'sh', '-c', script]
  const child = Bun.spawn(['sh', '-c', 'trap "" HUP; exec "$@"', 'sh', ...inner], {
    cwd: dir.path,
    env: { PATH: process.env.PATH ?? '', HOME: dir.path },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'inherit',
  })
  await until('the command to run', () => existsSync(join(dir.path, 'up')))
  child.kill('SIGHUP')
  writeFileSync(join(dir.path, 'go'), '')
  expect([await child.exited, await new Response(child.stdout).text()]).toEqual([0, 'went\n'])
})

test('when the reader of the output leaves, the command meets a broken pipe as without us', async () => {
  await using hub = scriptedHub(stored)
  using dir = tempDir()
  const child = startCommand(['run', 't', '--url', hub.url, '--', 'yes'], { cwd: dir.path })
  const reader = child.stdout.getReader()
  await reader.read()
  await reader.cancel()
  expect(await child.exited).toBe(141)
  expect(published(hub.requests[0]!).data).toMatchObject({ signal: 'SIGPIPE' })
})

test('what a command leaves running in the background does not hold it', async () => {
  const { stdout, stderr, exitCode } = await run(['t', '--', 'sh', '-c', 'sleep 30 & echo started'])
  expect([stdout, stderr, exitCode]).toEqual(['started\n', LEFT_BEHIND, 0])
})

test.each(['while :; do echo x; sleep 0.1; done', 'yes'])(
  'what it leaves running does not hold it either by writing for ever: %s',
  async (left) => {
    // It would never end.
    const { stderr, exitCode, requests } = await run(['t', '--', 'sh', '-c', `(${left}) & exit 3`])
    expect([stderr, exitCode]).toEqual([LEFT_BEHIND, 3])
    expect(published(requests[0]!)).toMatchObject({ type: 'run.failed', data: { exitCode: 3 } })
  },
)

test('what it leaves running goes on if its output is a file', async () => {
  using dir = tempDir()
  const left = `(while ! test -e ${dir.path}/go; do sleep 0.05; done; echo later; touch ${dir.path}/survived) >${dir.path}/file 2>&1 &`
  expect(await run(['t', '--', 'sh', '-c', left])).toMatchObject({ stderr: '', exitCode: 0 })
  writeFileSync(join(dir.path, 'go'), '')
  await until('the background process to end', () => existsSync(join(dir.path, 'survived')))
})

test('a reader that is slow is given all that the command wrote, however long after its end', async () => {
  await using hub = scriptedHub(stored)
  using dir = tempDir()
  const script = 'seq 1 20000; touch written'
  const child = startCommand(['run', 't', '--url', hub.url, '--', 'sh', '-c', script], { cwd: dir.path })
  await until('the command to have written', () => existsSync(join(dir.path, 'written')))
  await Bun.sleep(3000)
  const lines = (await new Response(child.stdout).text()).trim().split('\n')
  expect([lines.length, lines.at(-1), await child.exited]).toEqual([20_000, '20000', 0])
  expect(await new Response(child.stderr).text()).toBe('')
})

test('without a temporary directory the command runs, and its last lines are published', async () => {
  const { stdout, stderr, exitCode, requests } = await run(['t', '--', 'sh', '-c', 'echo ran; exit 5'], stored, {
    TMPDIR: '/nonexistent',
  })
  expect([stdout, stderr, exitCode]).toEqual(['ran\n', '', 5])
  expect(published(requests[0]!).data).toMatchObject({ exitCode: 5, lastLines: ['ran'] })
})

test('an output that is lost on its way is said, and the command’s exit code stays', async () => {
  await using hub = scriptedHub(stored)
  using dir = tempDir()
  const entry = join(import.meta.dir, '../../src/index.ts')
  const inner = [process.execPath, 'run', entry, 'run', 't', '--url', hub.url, '--', 'echo', 'hello']
  const child = Bun.spawn(['sh', '-c', '"$@" >/dev/full', 'sh', ...inner], {
    cwd: dir.path,
    env: { PATH: process.env.PATH ?? '', HOME: dir.path },
    stdin: 'ignore',
    stderr: 'pipe',
  })
  expect(await new Response(child.stderr).text()).toStartWith('mcp-sse: output was lost: ')
  expect(await child.exited).toBe(0)
  expect(published(hub.requests[0]!)).toMatchObject({ type: 'run.ok', data: { lastLines: ['hello'] } })
})
