import { expect, test } from 'bun:test'
import { runCommand, startCommand } from '../support/command.ts'
import { control, envelope, eventDocument, opening, problem, scriptedHub, stream } from '../support/scripted-hub.ts'
import { tempDir } from '../support/temp-dir.ts'

const OPEN = opening('abc.0')

async function subscribe(url: string, args: readonly string[]) {
  using dir = tempDir()
  return await runCommand(['subscribe', ...args, '--url', url], { cwd: dir.path })
}

test('patterns, types and start are asked for, and --count ends it after so many events', async () => {
  await using hub = scriptedHub(() => stream({ frames: OPEN + envelope(1) + envelope(2) + envelope(3), end: false }))
  const args = ['orders/*', 'jobs', '--type', 'a', '--type', 'b.*', '--since', '10m', '--count', '2']
  expect(await subscribe(hub.url, args)).toEqual({
    stdout:
      '2026-11-22 12:00:00Z  orders/42  order.paid  {"total":1}\n2026-11-22 12:00:00Z  orders/42  order.paid  {"total":2}\n',
    stderr: '',
    exitCode: 0,
  })
  expect(hub.requests[0]).toMatchObject({ method: 'GET', path: '/events' })
  expect([...hub.requests[0]!.query]).toEqual([
    ['topic', 'orders/*'],
    ['topic', 'jobs'],
    ['type', 'a'],
    ['type', 'b.*'],
    ['since', '10m'],
    ['envelope', '1'],
  ])
})

test('--json prints the exact document on one line, whatever line breaks it has', async () => {
  const frames = `${OPEN}id: abc.1\ndata: {"id":"x","data":{\ndata:   "n": 12345678901234567890,\ndata:   "t": "a\\nb" }}\n\n`
  await using hub = scriptedHub(() => stream({ frames, end: false }))
  const { stdout } = await subscribe(hub.url, ['--json', '--count', '1'])
  expect(stdout).toBe('{"id":"x","data":{   "n": 12345678901234567890,   "t": "a\\nb" }}\n')
})

test('text for people cannot steer the terminal', async () => {
  const hostile = envelope(1, { data: 'a\u001b]0;owned\u0007\r\n\u009b31m\u202e' })
  await using hub = scriptedHub(() => stream({ frames: OPEN + hostile, end: false }))
  const { stdout } = await subscribe(hub.url, ['--count', '1'])
  expect(stdout).toEndWith('order.paid  a\\u{1b}]0;owned\\u{7}\\u{d}\\n\\u{9b}31m\\u{202e}\n')
})

test('after a lost connection it resumes after the last position it was given, events or not', async () => {
  const scripts = [
    OPEN + envelope(1),
    `${opening('abc.1')}:\nid: abc.5\n\n`,
    opening('abc.5') + control('$closing', { reason: 'max-age', reconnect: true, retryMs: 10 }),
    opening('abc.5') + envelope(6),
  ]
  await using hub = scriptedHub((_, index) => stream({ frames: scripts[index] ?? '', end: index < 3 }))
  const { stdout, stderr, exitCode } = await subscribe(hub.url, ['--json', '--count', '2', '--last', '1'])
  expect(exitCode).toBe(0)
  expect(
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual([eventDocument(1), eventDocument(6)])
  expect(hub.requests.map(({ headers }) => headers.get('last-event-id'))).toEqual([null, 'abc.1', 'abc.5', 'abc.5'])
  expect(stderr.trim().split('\n')).toEqual([
    expect.stringMatching(/^mcp-sse: connection lost \(the connection ended\), trying again in 0\.0 s$/),
    expect.stringMatching(/^mcp-sse: connection lost \(the connection ended\)/),
    expect.stringMatching(/^mcp-sse: connection lost \(the hub closed it: max-age\), trying again in 0\.0 s$/),
  ])
})

test('a position that only a gap carries is adopted, and the gap is said on stderr', async () => {
  const gap = control('$gap', { requested: 'old.7', resumedFrom: 'abc.9', reason: 'unknown' }, 'abc.9')
  const frames = `retry: 20\n\n${control('$open', { cursor: 'abc.9' })}${gap}`
  await using hub = scriptedHub((_, index) =>
    stream(index === 0 ? { frames, end: true } : { frames: opening('abc.9') + envelope(10), end: false }),
  )
  const { stderr } = await subscribe(hub.url, ['--since', 'old.7', '--count', '1'])
  expect(stderr).toStartWith('mcp-sse: gap: events between old.7 and abc.9 are missing (unknown)\n')
  expect(hub.requests[1]?.headers.get('last-event-id')).toBe('abc.9')
})

test('control events are no events', async () => {
  const noise = control('$heartbeat', {}, 'abc.4') + control('$error', { code: 'forbidden', message: 'No longer.' })
  await using hub = scriptedHub(() => stream({ frames: OPEN + noise + envelope(5), end: false }))
  const { stdout, stderr } = await subscribe(hub.url, ['--json', '--count', '1'])
  expect(JSON.parse(stdout)).toEqual(eventDocument(5))
  expect(stderr).toBe('mcp-sse: No longer. [forbidden]\n')
})

test('a hub that goes silent is left and asked again', async () => {
  // Two and a half heartbeats, at least 5 s.
  await using hub = scriptedHub((_, index) =>
    stream({ frames: opening('abc.0', 10) + (index === 0 ? '' : envelope(1)), end: false }),
  )
  const { stderr, exitCode } = await subscribe(hub.url, ['--count', '1'])
  expect(exitCode).toBe(0)
  expect(stderr).toContain('connection lost (nothing came for 5 s)')
})

test('a refusal ends it, also when it comes on a reconnect', async () => {
  await using refusing = scriptedHub(() => problem(400, 'invalid-pattern', 'In the pattern "a*" …'))
  expect(await subscribe(refusing.url, ['a*'])).toEqual({
    stdout: '',
    stderr: 'mcp-sse: In the pattern "a*" … [invalid-pattern]\nTry: mcp-sse subscribe --help\n',
    exitCode: 1,
  })
  await using later = scriptedHub((_, index) =>
    index === 0 ? stream({ frames: OPEN, end: true }) : problem(401, 'unauthorized', 'The key has expired.'),
  )
  const { stderr, exitCode } = await subscribe(later.url, [])
  expect(exitCode).toBe(1)
  expect(stderr).toEndWith(
    `mcp-sse: The key has expired. [unauthorized]\nTry: MCP_SSE_KEY=<key> mcp-sse subscribe <pattern> --url ${later.url}\n`,
  )
})

test('what passes by itself is waited for: 503 after a restart, and a stream that only says come back', async () => {
  await using hub = scriptedHub((_, index) => {
    if (index === 0) {
      return stream({ frames: control('$closing', { reason: 'draining', reconnect: true, retryMs: 5 }), end: true })
    }
    if (index === 1) return stream({ frames: OPEN, end: true })
    if (index === 2) return problem(503, 'draining', 'Starting.', { 'retry-after': '0' })
    return stream({ frames: OPEN + envelope(1), end: false })
  })
  expect(await subscribe(hub.url, ['--count', '1'])).toMatchObject({ exitCode: 0 })
  expect(hub.requests).toHaveLength(4)
})

test('a hub that says not to come back is not asked again', async () => {
  const frames = OPEN + control('$closing', { reason: 'cut-off', reconnect: false })
  await using hub = scriptedHub(() => stream({ frames, end: true }))
  const { stderr, exitCode } = await subscribe(hub.url, [])
  expect([exitCode, hub.requests.length]).toEqual([1, 1])
  expect(stderr).toStartWith('mcp-sse: The hub ended the stream: cut-off.\n')
})

test('a credential that has ended ends it with the sentence and what to set, and it does not come back', async () => {
  const message = 'The credential of this stream has expired; go on with a new one.'
  const frames =
    OPEN +
    control('$error', { code: 'credential-expired', message }) +
    control('$closing', { reason: 'credential-expired', reconnect: false })
  await using hub = scriptedHub(() => stream({ frames, end: true }))
  const { stderr, exitCode } = await subscribe(hub.url, [])
  expect([exitCode, hub.requests.length]).toEqual([1, 1])
  expect(stderr).toBe(
    `mcp-sse: The hub ended the stream: credential-expired. ${message}\nTry: MCP_SSE_KEY=<another key> mcp-sse subscribe --url ${hub.url}\n`,
  )
})

test('without a hub it fails at once, and so it does when something else answers', async () => {
  expect(await subscribe('http://127.0.0.1:1', [])).toMatchObject({ exitCode: 1 })
  await using page = scriptedHub(() => new Response('<html>', { headers: { 'content-type': 'text/html' } }))
  expect((await subscribe(page.url, [])).stderr).toContain('answered with text/html, not with a stream.')
})

test('--no-follow prints the pages of the log and ends', async () => {
  await using hub = scriptedHub(({ query }) =>
    query.get('since') === 'abc.1'
      ? Response.json({ events: [eventDocument(2)], cursor: 'abc.2', hasMore: false, truncated: false })
      : Response.json({ events: [eventDocument(1)], cursor: 'abc.1', hasMore: true, truncated: true }),
  )
  const { stdout, stderr, exitCode } = await subscribe(hub.url, ['--no-follow', '--since', 'earliest', '--json'])
  expect(exitCode).toBe(0)
  expect(
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).cursor),
  ).toEqual(['abc.1', 'abc.2'])
  expect(stderr).toBe('mcp-sse: gap: events from here on were removed by retention.\n')
  expect([...hub.requests[0]!.query]).toEqual([
    ['since', 'earliest'],
    ['format', 'json'],
    ['limit', '1000'],
  ])
})

test('with --no-follow a place that this hub did not give is said to be of another one', async () => {
  const page = { events: [eventDocument(1)], cursor: 'abc.1', hasMore: false, truncated: true }
  await using hub = scriptedHub(() => Response.json(page))
  expect((await subscribe(hub.url, ['--no-follow', '--since', 'otherhub.77'])).stderr).toBe(
    'mcp-sse: gap: the place otherhub.77 is not in the log of this hub: another hub gave it, or retention removed what followed it.\n',
  )
  expect((await subscribe(hub.url, ['--no-follow', '--since', 'abc.0'])).stderr).toBe(
    'mcp-sse: gap: events from here on were removed by retention.\n',
  )
})

test('numbers keep their digits, in pages and in the text for people', async () => {
  const document = JSON.stringify(eventDocument(1)).replace('{"total":1}', '{"total":12345678901234567890,"rate":1.50}')
  await using hub = scriptedHub(({ query }) =>
    query.has('format')
      ? new Response(`{"events":[${document}],"cursor":"abc.1","hasMore":false,"truncated":false}`)
      : stream({ frames: `${OPEN}id: abc.1\ndata: ${document}\n\n`, end: false }),
  )
  expect((await subscribe(hub.url, ['--no-follow', '--json'])).stdout).toBe(`${document}\n`)
  const text = '2026-11-22 12:00:00Z  orders/42  order.paid  {"total":12345678901234567890,"rate":1.50}\n'
  expect((await subscribe(hub.url, ['--no-follow'])).stdout).toBe(text)
  expect((await subscribe(hub.url, ['--count', '1'])).stdout).toBe(text)
})

test.each(['SIGINT', 'SIGTERM'] as const)('%s ends it with 0 and without a word', async (signal) => {
  await using hub = scriptedHub(() => stream({ frames: OPEN + envelope(1), end: false }))
  using dir = tempDir()
  const child = startCommand(['subscribe', '--url', hub.url], { cwd: dir.path })
  const reader = child.stdout.getReader()
  await reader.read()
  child.kill(signal)
  expect(await child.exited).toBe(0)
  expect(await new Response(child.stderr).text()).toBe('')
})

test('SIGINT ends it also while it waits to connect again', async () => {
  await using hub = scriptedHub(() =>
    stream({ frames: OPEN + control('$closing', { reason: 'shutdown', reconnect: true, retryMs: 60_000 }), end: true }),
  )
  using dir = tempDir()
  const child = startCommand(['subscribe', '--url', hub.url], { cwd: dir.path })
  await child.stderr.getReader().read()
  child.kill('SIGINT')
  expect(await child.exited).toBe(0)
})

test('a reader that goes away (head -1) ends it quietly', async () => {
  const frames = OPEN + Array.from({ length: 5000 }, (_, index) => envelope(index, { data: 'x'.repeat(500) })).join('')
  await using hub = scriptedHub(() => stream({ frames, end: false }))
  using dir = tempDir()
  const child = startCommand(['subscribe', '--url', hub.url], { cwd: dir.path })
  const reader = child.stdout.getReader()
  await reader.read()
  await reader.cancel()
  expect(await child.exited).toBe(0)
  expect(await new Response(child.stderr).text()).toBe('')
})
