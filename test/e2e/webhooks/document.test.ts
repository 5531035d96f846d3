import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Executable, executablePath } from '../../support/executable.ts'
import { freePort } from '../../support/port.ts'
import { inspect, inspectStream, registerSecret, secret } from '../../support/secrets.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { until } from '../../support/until.ts'
import { WebhookCaller } from '../../support/webhook-executable.ts'
import { webhookSecretText } from '../../support/webhook-hub.ts'

const markdown = readFileSync(resolve(import.meta.dir, '../../../docs/mcp-events.md'), 'utf8')

function blocks(section: string, language: string): string[] {
  const text = new RegExp(`^## ${section}.*?(?=^## )`, 'ms').exec(markdown)?.[0] ?? ''
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))].map(([, code]) => code!)
}

const [serve, listen, subscribe, publish, look, refresh] = blocks('Ten minutes', 'sh') as [string, ...string[]]
const [poll] = blocks('The same without a callback', 'sh')
const definitions = subscribe!.slice(0, subscribe!.indexOf('events list'))

/** The three terminals of the document: its ports are these, and the others see what one of them wrote. */
class Terminals {
  readonly #dir = tempDir()
  readonly #server: Executable
  readonly #receiverPort = freePort()
  /** What the receiver wrote. */
  received = ''
  #receiver: Bun.Subprocess | undefined

  constructor(server: Executable) {
    this.#server = server
    mkdirSync(join(this.#dir.path, 'bin'))
    symlinkSync(executablePath(), join(this.#dir.path, 'bin/mcp-sse'))
  }

  get receiverUrl(): string {
    return this.here('http://127.0.0.1:9000/')
  }

  path(name: string): string {
    return join(this.#dir.path, name)
  }

  here(text: string): string {
    return text
      .replaceAll('127.0.0.1:3000', `127.0.0.1:${this.#server.port}`)
      .replaceAll('9000', `${this.#receiverPort}`)
  }

  /** @returns what it wrote, by lines */
  async run(script: string): Promise<string[]> {
    const child = this.#spawn(['bash', '-ec', this.here(script)], {}, 'ignore')
    const text = await new Response(child.stdout).text()
    inspect('what the document shows', text)
    expect(await child.exited).toBe(0)
    return text.split('\n').filter((line) => line !== '')
  }

  async receive(command: string[], env: Record<string, string>, isReady: () => boolean | Promise<boolean>) {
    this.#receiver = this.#spawn(command, env, 'pipe')
    for (const stream of [this.#receiver.stdout, this.#receiver.stderr] as ReadableStream<Uint8Array>[]) {
      void this.#collect(stream)
    }
    await until('the receiver to listen', isReady)
  }

  async close(): Promise<void> {
    this.#receiver?.kill()
    await this.#receiver?.exited
    this.#dir[Symbol.dispose]()
  }

  #spawn(command: string[], env: Record<string, string>, stderr: 'pipe' | 'ignore') {
    return Bun.spawn(command, {
      cwd: this.#dir.path,
      env: {
        PATH: `${this.path('bin')}:${process.env.PATH}`,
        HOME: this.#dir.path,
        MCP_SSE_URL: this.#server.url,
        ...env,
      },
      stdin: 'ignore',
      stdout: 'pipe',
      stderr,
    })
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    const search = inspectStream('what a receiver of the document wrote')
    for await (const chunk of stream) {
      search(chunk)
      this.received += Buffer.from(chunk).toString()
    }
  }
}

let server: Executable | undefined
let terminals: Terminals
beforeEach(async () => {
  server = await Executable.serve({ MCP_SSE_WEBHOOKS_ALLOW_LOOPBACK: 'true' })
  terminals = new Terminals(server)
})
afterEach(async () => {
  await terminals.close()
  await server?.remove()
  server = undefined
})

const isReceived = (text: string) => until(`the receiver to have ${text}`, () => terminals.received.includes(text))

test('the ten minutes of the document end with something woken by its curl', async () => {
  expect(serve).toBe('mcp-sse serve --webhooks-allow-loopback\n')
  const [makeSecret, start] = terminals.here(listen!).trim().split('\n') as [string, string]
  await terminals.run(makeSecret)
  registerSecret(readFileSync(terminals.path('webhook.secret'), 'utf8').trim())
  const receiver = ['bash', '-ec', start.replace(' mcp-sse ', ' exec mcp-sse ')]
  await terminals.receive(receiver, {}, () => terminals.received.includes('listening on'))

  const [list, subscribed] = (await terminals.run(subscribe!)).map((line) => JSON.parse(line).result)
  expect(list.events[0]).toMatchObject({ name: 'topic.event', delivery: ['webhook', 'push', 'poll'] })
  expect(subscribed.id).toStartWith('sub_')
  await until('the challenge', () => /200 verified {2}msg_verification_\w+ {2}verification/.test(terminals.received))
  const [published] = (await terminals.run(publish!)).map((line) => JSON.parse(line))
  await isReceived('topic.event  {"topic":"orders/42","type":"order.paid","data":{"total":99}}\n')
  expect(terminals.received).toContain(`204 verified  ${published.id}  topic.event`)
  // The hub hears of it after the receiver has printed it.
  const webhooks = new WebhookCaller(server!)
  await until('it to be taken', async () => (await webhooks.json(`/webhooks/${subscribed.id}`)).delivered === 1)

  const looked = await terminals.run(look!)
  expect(looked[1]).toStartWith(`${subscribed.id}  active `)
  expect(JSON.parse(looked[2]!)).toMatchObject({ id: subscribed.id, delivered: 1, cursor: published.cursor })
  const [refreshed, ended] = (await terminals.run(definitions + refresh)).map((line) => JSON.parse(line).result)
  expect(refreshed).toMatchObject({ id: subscribed.id, deliveryStatus: { active: true, lastError: null } })
  expect(ended).toMatchObject({ resultType: 'complete' })
})

test('the poll of the document begins empty and gives what was published after it', async () => {
  writeFileSync(terminals.path('webhook.secret'), webhookSecretText())
  const [first, ...rest] = poll!.split('\n')
  const [empty] = (await terminals.run(`${definitions}${first}`)).map((line) => JSON.parse(line).result)
  expect(empty.events).toEqual([])
  const answered = rest
    .join('\n')
    .replace(/^cursor=\S+/, `cursor=${empty.cursor}`)
    .replace(/^curl .*$/m, '$&; echo')
  const [, found] = (await terminals.run(`${definitions}${answered}`)).map((line) => JSON.parse(line).result)
  expect(found.events.map(({ data }: { data: { data: unknown } }) => data.data)).toEqual([{ total: 100 }])
})

test('the forward of the document would start', async () => {
  const [forward] = blocks('What wakes what', 'toml')
  writeFileSync(terminals.path('mcp-sse.toml'), forward!, { mode: 0o600 })
  writeFileSync(terminals.path('routine-token'), secret('a token of a routine'), { mode: 0o600 })
  expect(await terminals.run('mcp-sse config check')).toEqual([expect.stringContaining('The configuration is ok')])
})

const [typescript] = blocks('What a receiver has to do', 'ts')
const [python] = blocks('What a receiver has to do', 'python')

test.each([
  ['TypeScript', 'receiver.ts', typescript!, process.execPath],
  ['Python', 'receiver.py', python!, 'python3'],
])('the receiver in %s proves itself, takes what is signed, and refuses the rest', async (_, file, code, runtime) => {
  const shared = webhookSecretText()
  writeFileSync(terminals.path(file), terminals.here(code))
  writeFileSync(terminals.path('webhook.secret'), shared)
  const post = async () => (await fetch(terminals.receiverUrl, { method: 'POST', body: '{}' })).status
  await terminals.receive([runtime, file], { WEBHOOK_SECRET: shared }, async () => (await post()) === 401)
  const [, subscribed] = (await terminals.run(subscribe!)).map((line) => JSON.parse(line).result)
  expect(subscribed.id).toStartWith('sub_')
  await terminals.run(publish!)
  await isReceived('orders/42')
  expect(await post()).toBe(401)
})
