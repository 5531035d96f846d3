import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { keysVariable } from '../../support/configured-key.ts'
import { Executable } from '../../support/executable.ts'
import type { Message } from '../../support/incoming.ts'
import { freePort } from '../../support/port.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { until } from '../../support/until.ts'
import { adminKey, WebhookCaller, webhookExecutable } from '../../support/webhook-executable.ts'
import { WebhookReceiver } from '../../support/webhook-receiver.ts'

const INVALID_PARAMS = -32602
const CALLBACK_ENDPOINT = -32015

/** A listener that nobody may ever reach. */
class Trap {
  asked = 0
  readonly #server = Bun.serve({
    port: freePort(),
    hostname: '0.0.0.0',
    fetch: () => {
      this.asked++
      return Response.json({ challenge: 'yes' })
    },
  })

  get port(): number {
    return this.#server.port!
  }

  close(): Promise<void> {
    return this.#server.stop(true)
  }
}

function refusalOf({ error, result }: Message): unknown {
  expect(result).toBeUndefined()
  return error
}

describe('54: to the executable as it comes, nothing but public names is a callback', () => {
  let server: Executable
  let caller: WebhookCaller
  let trap: Trap
  beforeAll(async () => {
    const key = adminKey()
    server = await webhookExecutable([key], { MCP_SSE_WEBHOOKS_ALLOW_LOOPBACK: 'false' })
    caller = new WebhookCaller(server, key.text)
    trap = new Trap()
  })
  afterAll(async () => {
    expect((await caller.json('/webhooks')).webhooks).toEqual([])
    expect(trap.asked).toBe(0)
    await trap.close()
    await server.remove()
  })

  const HOSTS = [
    // IPv4, each denied range.
    ...['0.0.0.0', '0.1.2.3', '10.0.0.1', '100.64.0.1', '127.0.0.1', '127.255.255.254', '169.254.169.254'],
    ...['172.16.0.1', '172.31.255.254', '192.0.0.1', '192.0.0.192', '192.0.2.1', '192.88.99.1', '192.168.1.1'],
    ...['198.18.0.1', '198.19.255.254', '198.51.100.1', '203.0.113.1', '224.0.0.1', '240.0.0.1', '255.255.255.255'],
    // The same in the spellings that parsers fold.
    ...['2130706433', '0x7f000001', '0x7f.1', '127.1', '127.0.1', '0177.0.0.1', '017700000001', '0xa9fea9fe'],
    ...['2852039166', '0300.0250.1.1', '3232235777', '127.0.0.1.', '127。0。0。1', '１２７.0.0.1', '%31%32%37.0.0.1'],
    // IPv6, and IPv4 in all its disguises.
    ...['[::]', '[::1]', '[0:0:0:0:0:0:0:1]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::ffff:169.254.169.254]'],
    ...['[::127.0.0.1]', '[64:ff9b::7f00:1]', '[64:ff9b::a9fe:a9fe]', '[64:ff9b:1::7f00:1]', '[100::1]'],
    ...['[2001::1]', '[2001:2::1]', '[2001:db8::1]', '[2002:7f00:1::]', '[3fff::1]', '[fc00::1]', '[fd00:ec2::254]'],
    ...['[fe80::1]', '[fe80::1%25eth0]', '[fec0::1]', '[ff02::1]', '[2606:4700:4700::1111]'],
    // Names that mean this machine or its network.
    ...['localhost', 'LOCALHOST', 'localhost.', 'a.localhost', 'localhost.localdomain', 'metadata', 'printer.local'],
    ...['vault.internal', 'metadata.google.internal', 'router.home.arpa', 'hooks.example.net.', '1.1.1.1', '8.8.8.8'],
  ]

  test.each(HOSTS)('%s', async (host) => {
    for (const [scheme, port] of [
      ['https', ''],
      ['https', `:${trap.port}`],
      ['http', `:${trap.port}`],
    ]) {
      const error = refusalOf(await caller.subscribe(`${scheme}://${host}${port}/hook`, 'orders/**'))
      const { code } = error as { code: number }
      expect([INVALID_PARAMS, CALLBACK_ENDPOINT]).toContain(code)
    }
  })

  test.each([
    ['http', 'http://hooks.example.net/'],
    ['userinfo', 'https://user:pass@hooks.example.net/'],
    ['an address behind userinfo', 'https://hooks.example.net@127.0.0.1/'],
    ['a backslash before an address', 'https://hooks.example.net\\@127.0.0.1/'],
    ['a fragment', 'https://hooks.example.net/#x'],
    ['another scheme', 'gopher://127.0.0.1:6379/_x'],
    ['a file', 'file:///etc/passwd'],
    ['a line break', 'https://hooks.example.net/\r\nX: y'],
  ])('%s is -32602', async (_, url) => {
    expect(refusalOf(await caller.subscribe(url, 'orders/**'))).toMatchObject({ code: INVALID_PARAMS })
  })

  test('55: the answer is the same, byte for byte, whether something listens there or not', async () => {
    const closed = freePort()
    for (const host of ['127.0.0.1', '127.1', '[::1]', '[::ffff:127.0.0.1]', 'localhost', '0.0.0.0', '10.0.0.1']) {
      for (const scheme of ['http', 'https']) {
        const [open, none] = await Promise.all(
          [trap.port, closed].map((port) => caller.subscribe(`${scheme}://${host}:${port}/`, 'orders/**')),
        )
        expect(JSON.stringify(open)).toBe(JSON.stringify(none))
        expect(JSON.stringify(open)).not.toContain(host)
      }
    }
  })
})

const canMount = Bun.which('unshare') !== null && Bun.spawnSync(['unshare', '--mount', 'true']).exitCode === 0

describe.skipIf(!canMount)('54: names that the resolver of the machine leads inside', () => {
  const NAMES = [
    '10.1.2.3 ten',
    '127.0.0.1 loop',
    '::1 loop6',
    '169.254.169.254 meta',
    '0.0.0.0 zero',
    '192.168.0.1 home',
  ]

  test('53, 55: are refused as a name that is not found, whatever listens there, and nothing is asked', async () => {
    using directory = tempDir()
    const hosts = join(directory.path, 'hosts')
    const lines = [...NAMES, '::ffff:127.0.0.1 mapped']
    writeFileSync(hosts, `127.0.0.1 localhost\n${lines.map((line) => `${line}.hooks.example.net`).join('\n')}\n`)
    const key = adminKey()
    const trap = new Trap()
    const through = ['unshare', '--mount', 'sh', '-c', `mount --bind ${hosts} /etc/hosts && exec "$@"`, 'sh']
    // Also where loopback is allowed: that is for the addresses and localhost, and for no name of a stranger.
    for (const loopback of ['false', 'true']) {
      const server = await Executable.serve(
        { MCP_SSE_AUTH_KEYS: keysVariable(key), MCP_SSE_WEBHOOKS_ALLOW_LOOPBACK: loopback },
        freePort(),
        through,
      )
      try {
        const caller = new WebhookCaller(server, key.text)
        const closed = freePort()
        const answers: string[] = []
        for (const line of [...lines, 'x nobody']) {
          const name = `${line.split(' ')[1]}.hooks.example.net`
          for (const port of [trap.port, closed]) {
            answers.push(JSON.stringify(await caller.subscribe(`https://${name}:${port}/`, 'orders/**')))
          }
        }
        expect([...new Set(answers)]).toHaveLength(1)
        expect(JSON.parse(answers[0]!).error).toMatchObject({
          code: CALLBACK_ENDPOINT,
          message: 'CallbackEndpointError',
          data: { reason: 'connection_refused' },
        })
      } finally {
        await server.remove()
      }
    }
    expect(trap.asked).toBe(0)
    await trap.close()
  })
})

describe('54: a redirect is an answer like any other that is none', () => {
  let server: Executable
  const closing: { close(): Promise<void> }[] = []
  afterEach(async () => {
    for (const each of closing.splice(0)) await each.close()
    await server.remove()
  })

  test.each([301, 302, 303, 307, 308])(
    '%d is not followed, neither of a challenge nor of a delivery',
    async (status) => {
      const key = adminKey()
      server = await webhookExecutable([key])
      const caller = new WebhookCaller(server, key.text)
      const trap = new Trap()
      const redirect = () =>
        new Response(null, {
          status,
          headers: { location: `http://127.0.0.1:${trap.port}/inside`, refresh: '0; url=/' },
        })
      const receiver = new WebhookReceiver({ prove: redirect })
      closing.push(trap, receiver)
      const { error } = await caller.subscribe(receiver.url('/never'), 'orders/**')
      expect(error).toMatchObject({ code: CALLBACK_ENDPOINT, data: { reason: 'challenge_failed' } })
      receiver.prove = ({ json }) => Response.json({ challenge: json.challenge })
      const id = await caller.subscribed(receiver.url('/moved'), 'orders/**')
      receiver.answer = redirect
      await caller.publish('orders/1', 'stays')
      await until('it to have failed', async () => (await caller.json(`/webhooks/${id}`)).waiting === 1)
      expect(receiver.attempts).toHaveLength(1)
      expect(trap.asked).toBe(0)
    },
  )
})
