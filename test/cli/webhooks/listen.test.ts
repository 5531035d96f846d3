import { afterEach, expect, test } from 'bun:test'
import { Webhook } from 'standardwebhooks'
import { runCommand, startCommand } from '../../support/command.ts'
import { registerSecret } from '../../support/secrets.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { until } from '../../support/until.ts'

const newSecret = () =>
  registerSecret(`whsec_${Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64')}`)

const children: ReturnType<typeof startCommand>[] = []
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill('SIGKILL')
    await child.exited
  }
})

/** `mcp-sse webhooks listen …`, once it says where. */
async function listening(cwd: string, args: readonly string[] = [], env: Record<string, string> = {}) {
  const child = startCommand(['webhooks', 'listen', ...args], { cwd, env })
  children.push(child)
  let stderr = ''
  const drained = (async () => {
    const decoder = new TextDecoder()
    for await (const chunk of child.stderr) stderr += decoder.decode(chunk, { stream: true })
  })()
  const url = await until('the address', () => /listening on (http:\S+) [\s\S]*ALLOW_LOOPBACK=true/.exec(stderr)?.[1])
  return { child, url, stderr: () => stderr, drained }
}

const EVENT = '{"id":"7","topic":"a","type":"note","time":"2026-11-22T12:00:00.000Z","data":"hello"}'

function signed(secret: string): Record<string, string> {
  const now = new Date()
  const seconds = String(Math.floor(now.getTime() / 1000))
  return {
    'webhook-id': 'abc-7',
    'webhook-timestamp': seconds,
    'webhook-signature': new Webhook(secret).sign('abc-7', now, EVENT),
  }
}

const post = (url: string, headers: Record<string, string> = {}) => fetch(url, { method: 'POST', body: EVENT, headers })

test('without a secret it makes one, says what to type with it, and verifies what is signed with it', async () => {
  using dir = tempDir()
  const { child, url, stderr } = await listening(dir.path, ['--count', '2'])
  const secret = /^ {2}secret = "(whsec_[\w+/]{43}=)"$/m.exec(stderr())?.[1]
  expect(stderr()).toContain(`mcp-sse: what is signed with ${secret} is verified\n`)
  const config = Bun.TOML.parse(/\n( {2}\[\[forward\]\][\s\S]*?)\n\nand/.exec(stderr())![1]!)
  expect(config).toEqual({
    forward: [{ name: 'listen', topic: '**', url, private: true, secret }],
  })
  expect((await post(url, signed(secret!))).status).toBe(204)
  expect((await post(url)).status).toBe(204)
  expect(await child.exited).toBe(0)
  const lines = (await new Response(child.stdout).text()).trim().split('\n')
  expect(lines.map((line) => line.slice('2026-11-22 12:00:00Z  '.length))).toEqual([
    '204 verified  abc-7  a  note  hello',
    '204 not verified (not signed)  -  a  note  hello',
  ])
})

test.each([['a flag'], ['a variable']])(
  'a secret given by %s decides what is taken, and is not repeated',
  async (by) => {
    using dir = tempDir()
    const secret = newSecret()
    const { child, url, stderr } =
      by === 'a flag'
        ? await listening(dir.path, ['--count', '1', '--json', '--secret', secret])
        : await listening(dir.path, ['--count', '1', '--json'], { MCP_SSE_WEBHOOK_SECRET: secret })
    expect((await post(url)).status).toBe(401)
    expect((await post(url, signed(secret))).status).toBe(204)
    expect(await child.exited).toBe(0)
    const lines = (await new Response(child.stdout).text()).trim().split('\n')
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { status: 401, verified: false, fault: 'not signed', id: null },
      { status: 204, verified: true, fault: null, id: 'abc-7', body: JSON.parse(EVENT) },
    ])
    expect(stderr()).not.toContain(secret)
    expect(stderr()).toContain('secret = "<the secret>"')
  },
)

test('Ctrl-C ends it with 0', async () => {
  using dir = tempDir()
  const { child, url } = await listening(dir.path, ['--status', '500'])
  expect((await post(url)).status).toBe(500)
  child.kill('SIGINT')
  expect(await child.exited).toBe(0)
})

test('it ends when nobody reads what it prints', async () => {
  using dir = tempDir()
  const { child, url } = await listening(dir.path)
  await child.stdout.cancel()
  await until('it to end', async () => {
    // The pipe may take a line before it is seen to be broken; then there is nobody to answer.
    await post(url).then(
      (response) => response.body?.cancel(),
      () => {},
    )
    return child.exitCode !== null
  })
  expect(child.exitCode).toBe(0)
})

test('what it cannot do is told with what to type, and no secret is repeated', async () => {
  using dir = tempDir()
  const secret = newSecret()
  for (const [args, sentence] of [
    [['--port', '65536'], 'It is a number from 0 to 65535.'],
    [['--port', secret], 'It is a number from 0 to 65535.'],
    [['--status', '204', '600'], 'It is a number from 200 to 599.'],
    [['--count', '0'], 'It is a whole number from 1.'],
    [['--secret', 'whsec_short'], 'The secret must be whsec_'],
    [[secret], 'Too many arguments'],
  ] as const) {
    const { exitCode, stderr, stdout } = await runCommand(['webhooks', 'listen', ...args], { cwd: dir.path })
    expect([exitCode, stdout]).toEqual([2, ''])
    expect(stderr).toContain(sentence)
    expect(stderr).toMatch(/\nTry: mcp-sse webhooks listen( --help)?\n$/)
    expect(stderr).not.toContain(secret.slice(0, 20))
  }
})
