import { afterAll, describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { runCommand, startCommand } from './support/command.ts'
import { RawStream } from './support/raw-stream.ts'
import { SecretSearch } from './support/secret-search.ts'
import { expectSecret, inspectReport, registerSecret, secret, takeFinds } from './support/secrets.ts'
import { tempDir } from './support/temp-dir.ts'

/** What a server that leaks would send: each of these is a leak that somebody planted. */
let leak = ''
const leaky = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  fetch(request) {
    const { pathname } = new URL(request.url)
    if (pathname === '/clean') return new Response('nothing here', { headers: { 'x-request': 'a' } })
    if (pathname === '/header') return new Response('', { headers: { 'x-debug': `tried ${leak}` } })
    if (pathname === '/body') return Response.json({ detail: `no such key: ${leak}` })
    return new Response(
      (async function* () {
        yield Buffer.from(`data: ${leak.slice(0, 11)}`)
        await Bun.sleep(5)
        yield Buffer.from(`${leak.slice(11)}\n\n`)
        await new Promise(() => {})
      })() as unknown as BodyInit,
    )
  },
})
const at = (path: string) => leaky.url.origin + path
afterAll(() => leaky.stop(true))

function places(): string[] {
  return [...new Set(takeFinds().map(({ place }) => place))]
}

describe('a planted leak is found', () => {
  test('in a header and in a body, however it is read', async () => {
    leak = secret('the planted one')
    await fetch(at('/header'))
    expect(places()).toEqual(['GET /header, headers of the answer'])
    const readings: ((response: Response) => Promise<unknown>)[] = [
      (response) => response.text(),
      (response) => response.json(),
      (response) => response.bytes(),
      (response) => response.arrayBuffer(),
      (response) => response.blob(),
      (response) => response.clone().text(),
      (response) => Array.fromAsync(response.body!),
      (response) => response.body!.getReader().read(),
      (response) => Array.fromAsync(response.body!.pipeThrough(new TextDecoderStream())),
      (response) => response.body!.pipeTo(new WritableStream()),
      (response) => Array.fromAsync(response.body!.tee()[1]),
    ]
    for (const read of readings) {
      await read(await fetch(at('/body')))
      expect({ read: String(read), places: places() }).toEqual({
        read: String(read),
        places: ['GET /body, body of the answer'],
      })
    }
    await (await fetch(at('/clean'))).text()
    expect(places()).toEqual([])
  })

  test('where two chunks of a stream meet, in fetch and on a bare socket', async () => {
    leak = secret()
    const stopped = new AbortController()
    const response = await fetch(at('/stream'), { signal: stopped.signal })
    let text = ''
    for await (const chunk of response.body!) {
      text += Buffer.from(chunk).toString()
      if (text.includes('\n\n')) break
    }
    expect(text).toBe(`data: ${leak}\n\n`)
    expect(places()).toEqual(['GET /stream, body of the answer'])
    const socket = await RawStream.open(at('/stream'))
    expect((await socket.next())?.data).toBe(leak)
    socket.drop()
    expect(places()).toEqual(['what a socket received'])
    stopped.abort()
  })

  test('in what a process writes to stdout and to stderr', async () => {
    leak = secret('a key', 'mcpsse_')
    using dir = tempDir()
    const { stderr } = await runCommand(['config', 'check', '--config', `/nowhere/${leak}`], { cwd: dir.path })
    expect(stderr).toContain('there is no such file')
    expect(places()).toEqual(['stderr of config'])
    const env = { DATA_DIR: `/nowhere/${leak}` }
    expect((await runCommand(['config', 'print'], { cwd: dir.path, env })).exitCode).toBe(0)
    expect(places()).toEqual(['stdout of config'])
    const options = expectSecret({ cwd: dir.path, env })
    expect((await runCommand(['config', 'print'], options)).stdout).toContain(leak)
    expect(places()).toEqual([])
    const child = startCommand(['config', 'print'], { cwd: dir.path, env })
    await Array.fromAsync(child.stdout)
    expect(await child.exited).toBe(0)
    expect(places()).toEqual(['stdout of config'])
  })

  test('in a report: its message, its cause, its fields', () => {
    leak = secret()
    for (const error of [
      new Error(leak),
      new Error('failed', { cause: new Error(`with ${leak}`) }),
      { request: { headers: { authorization: `Bearer ${leak}` } } },
    ]) {
      inspectReport('a report', error)
      expect(places()).toEqual(['a report'])
    }
  })

  test('percent-encoded, escaped in JSON, in base64 at every alignment, and half of it', () => {
    const odd = `${secret()}/+ "ü"`
    registerSecret(odd)
    const forms = [
      encodeURIComponent(odd),
      JSON.stringify({ key: odd }),
      ...['', 'a', 'ab', 'abc'].flatMap((before) =>
        (['base64', 'base64url'] as const).map((code) => Buffer.from(`${before}:${odd}`).toString(code)),
      ),
      `${odd.slice(0, 16)}…`,
      `…${odd.slice(-22)}`,
    ]
    const search = new SecretSearch()
    search.register(odd, 'it')
    for (const form of forms) {
      for (let before = 0; before < 14; before++) search.inspect('here', 'x'.repeat(before) + form)
      expect({ form, finds: search.takeFinds().length > 0 }).toEqual({ form, finds: true })
    }
  })

  test('when a test sent it: as a bearer, in a cookie, as a ticket, as a key, to a process by its environment', async () => {
    const sent: ((text: string) => Promise<unknown>)[] = [
      (text) => fetch(at('/clean'), { headers: { authorization: `Bearer ${text}` } }),
      (text) => fetch(at('/clean'), { headers: { cookie: `a=b; session=${text}; c=d` } }),
      (text) => fetch(at(`/clean?ticket=${text}`)),
      (text) => fetch(new Request(at(`/clean?key=${text}`), { method: 'POST' })),
      async (text) => {
        using dir = tempDir()
        await runCommand(['version'], { cwd: dir.path, env: { MCP_SSE_AUTH_KEY: text } })
      },
    ]
    for (const send of sent) {
      leak = Buffer.from(crypto.getRandomValues(new Uint8Array(18))).toString('base64url')
      await (await fetch(at('/body'))).text()
      expect(places()).toEqual([])
      await send(leak)
      await (await fetch(at('/body'))).text()
      expect(places()).toEqual(['GET /body, body of the answer'])
    }
  })

  test('in a JWT by its signature: another token with the same header and claims is another secret', () => {
    const search = new SecretSearch()
    const head = `${Buffer.from('{"alg":"HS256"}').toString('base64url')}.${Buffer.from('{"sub":"a"}').toString('base64url')}`
    const signature = Buffer.alloc(32, 7).toString('base64url')
    search.register(`${head}.${signature}`, 'a token')
    search.inspect('here', `${head}.${Buffer.alloc(32, 8).toString('base64url')}`)
    expect(search.takeFinds()).toEqual([])
    search.inspect('here', `Bearer ${head}.${signature}`)
    expect(search.takeFinds()).toEqual([{ place: 'here', secret: 'a token (as it is)' }])
  })
})

test('a secret in an answer that is said to hold it is no leak; in its headers it is', async () => {
  leak = secret()
  expect(await expectSecret(await fetch(at('/body'))).json()).toEqual({ detail: `no such key: ${leak}` })
  expect(places()).toEqual([])
  expectSecret(await fetch(at('/header')))
  expect(places()).toEqual(['GET /header, headers of the answer'])
})

test('a leak fails the run, with the test that made it and the place, without the secret', async () => {
  using dir = tempDir()
  const support = resolve(import.meta.dir, 'support/secrets.ts')
  writeFileSync(
    join(dir.path, 'leak.test.ts'),
    `import { expect, test } from 'bun:test'
import { inspect, secret } from ${JSON.stringify(support)}
test('leaks', () => { inspect('the log', 'it is ' + secret('a ticket')); })
test('does not', () => { expect(1).toBe(1) })
`,
  )
  const child = Bun.spawn(
    [process.execPath, 'test', '--preload', resolve(import.meta.dir, 'preload.ts'), './leak.test.ts'],
    { cwd: dir.path, env: { PATH: process.env.PATH ?? '' }, stdout: 'pipe', stderr: 'pipe' },
  )
  const said = await new Response(child.stderr).text()
  expect(await child.exited).toBe(1)
  expect(said).toContain('a ticket (as it is) in the log')
  expect(said).toContain('(fail) leaks')
  expect(said).toContain('(pass) does not')
})
