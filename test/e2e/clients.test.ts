import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { EventSource } from 'eventsource'
import { BlockParser } from '../support/block.ts'
import { Executable, executablePath } from '../support/executable.ts'
import { examples, type GithubDelivery } from '../support/github.ts'
import { historyOf } from '../support/history.ts'
import { RawStream } from '../support/raw-stream.ts'
import { until } from '../support/until.ts'

/** One event as a client hands it over. */
interface Message {
  type: string
  data: string
  id: string
}

const TYPES = ['message', 'order.paid', 'n']
const CONTROL = ['$gap', '$closing', '$error']
const BODIES = [
  'plain',
  'one\ntwo\r\nthree\rfour',
  'id: forged.1\n\nevent: $gap\ndata: forged\n\n',
  ': a comment\nretry: 1\n',
  ' leading space, é and 🎈 and \u2028\n\n\nthree empty lines',
  '{"total": 99,\n  "lines": ["a\\nb"]\n}',
  '"a JSON string"',
  'last',
]

/** npm's `eventsource`, which keeps what it is given. */
function eventSource(url: string) {
  const messages: Message[] = []
  const opened = { count: 0 }
  const source = new EventSource(url)
  source.onopen = () => {
    opened.count++
  }
  for (const name of [...TYPES, ...CONTROL]) {
    source.addEventListener(name, ({ type, data, lastEventId }: MessageEvent) => {
      messages.push({ type, data, id: lastEventId })
    })
  }
  return { messages, opened, source, [Symbol.dispose]: () => source.close() }
}

/** `curl -N`, decoded as it comes. */
function curl(url: string) {
  const messages: Message[] = []
  const opened = { count: 0 }
  const child = Bun.spawn(['curl', '-sN', url], { stdout: 'pipe', stderr: 'inherit', stdin: 'ignore' })
  const parser = new BlockParser()
  const reading = (async () => {
    for await (const bytes of child.stdout) {
      for (const { type, data, id = '' } of parser.push(bytes)) {
        if (type === '$open') opened.count++
        else if (data !== undefined) messages.push({ type, data, id })
      }
    }
  })()
  return {
    messages,
    opened,
    async [Symbol.asyncDispose]() {
      child.kill()
      await Promise.all([child.exited, reading])
    },
  }
}

/** The next `count` events of a raw stream. */
async function messagesOf(stream: RawStream, count: number): Promise<Message[]> {
  const messages: Message[] = []
  while (messages.length < count) {
    const block = await stream.next()
    if (!block) throw new Error(`The stream ended after ${messages.length} of ${count} events.`)
    if (block.type !== '$open' && block.data !== undefined) {
      messages.push({ type: block.type, data: block.data, id: block.id ?? '' })
    }
  }
  return messages
}

/** Opened, and in its place: what is published from now on will come. */
async function rawStream(url: string): Promise<RawStream> {
  const stream = await RawStream.open(url)
  while ((await stream.next())?.type !== '$open') {}
  return stream
}

/** A verb of the executable itself, to its end. */
async function mcpSse(args: string[], server: Executable, stdin = ''): Promise<{ stdout: string; stderr: string }> {
  const child = Bun.spawn([executablePath(), ...args], {
    cwd: server.dataDir,
    env: { PATH: process.env.PATH ?? '', HOME: server.dataDir, MCP_SSE_URL: server.url },
    stdin: new Blob([stdin]),
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  if ((await child.exited) !== 0) throw new Error(`mcp-sse ${args.join(' ')} ended with ${child.exitCode}: ${stderr}`)
  return { stdout, stderr }
}

describe('clients of one hub', () => {
  let server: Executable

  beforeAll(async () => {
    server = await Executable.serve({ MCP_SSE_STREAM_RETRY: '100ms' })
  })
  afterAll(async () => {
    await server?.remove()
  })

  async function publish(path: string, body: string, headers: Record<string, string> = {}): Promise<string> {
    const answer = await fetch(server.url + path, { method: 'POST', body, headers })
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
    return ((await answer.json()) as { cursor: string }).cursor
  }

  test.each(['/events/same', '/events/same?envelope=1'])(
    'npm eventsource, curl -N and a bare socket see one stream: %s',
    async (path) => {
      using source = eventSource(server.url + path)
      await using terminal = curl(server.url + path)
      const raw = await rawStream(server.url + path)
      await until('all to be open', () => source.opened.count > 0 && terminal.opened.count > 0)
      const sent: Message[] = []
      for (const [index, data] of BODIES.entries()) {
        const type = TYPES[index % 2]!
        sent.push({ type, data, id: await publish(`/events/same?type=${type}`, data) })
      }
      const seen = await messagesOf(raw, sent.length)
      raw.drop()
      await until('all events', () => [source, terminal].every(({ messages }) => messages.length >= sent.length))
      expect(source.messages).toEqual(seen)
      expect(terminal.messages).toEqual(seen)
      expect(seen.map(({ id }) => id)).toEqual(sent.map(({ id }) => id))
      if (path.includes('envelope')) {
        const events = seen.map(({ data }) => JSON.parse(data))
        expect(events).toEqual(
          await historyOf(
            server.url,
            `${events[0].cursor.split('.')[0]}.${offsetBefore(events[0].cursor)}`,
            'topic=same',
          ),
        )
      } else {
        // Text comes line by line, so every line break arrives as \n.
        expect(seen).toEqual(
          sent.map((message) => ({ ...message, data: unquoted(message.data).replace(/\r\n|\r/g, '\n') })),
        )
      }
    },
  )

  test('npm eventsource goes on by itself after kill -9 and a restart: nothing missing, nothing twice, in order', async () => {
    using source = eventSource(`${server.url}/events/count`)
    await until('the stream to open', () => source.opened.count === 1)
    const total = 60
    for (let number = 1; number <= total; number++) {
      let crash: Promise<void> | undefined
      if (number % 20 === 10) {
        await until('the client to be back', () => source.opened.count > Math.floor(number / 20))
        crash = server.kill('SIGKILL').then(() => server.start())
      }
      // The id makes a retry of an unanswered publish harmless: stored before the crash or not, it is there once.
      await until(`publish ${number}`, () => publish(`/events/count?type=n&id=n${number}`, String(number)))
      await crash
    }
    await until('all events', () => source.messages.length >= total)
    expect(source.messages.map(({ type, data }) => `${type} ${data}`)).toEqual(
      Array.from({ length: total }, (_, index) => `n ${index + 1}`),
    )
    expect(source.opened.count).toBe(4)
  })

  describe('GitHub’s webhooks', () => {
    const all = examples()
    /** `*` is one segment: what belongs to an organisation or an app has one less. */
    const ofRepositories = all.filter(({ topic }) => topic.split('/').length === 3)
    const asLine = ({ topic, name, payload }: GithubDelivery) => JSON.stringify({ topic, type: name, data: payload })

    function expectAll(got: { topic: string; type: string; data: unknown }[]): void {
      expect(got.map(({ topic, type }) => [topic, type])).toEqual(
        ofRepositories.map(({ topic, name }) => [topic, name]),
      )
      for (const [index, { data }] of got.entries()) expect(data).toEqual(ofRepositories[index]!.payload)
    }

    test('are several hundred, some of them of no repository', () => {
      expect(ofRepositories.length).toBeGreaterThan(100)
      expect(ofRepositories.length).toBeLessThan(all.length)
    })

    test('posted as GitHub posts them reach readers of github/*/* deep-equal, as events and as types', async () => {
      const whole = await rawStream(`${server.url}/events/github/*/*?envelope=1`)
      const plain = await rawStream(`${server.url}/events/github/*/*`)
      for (const { topic, name, payload } of all) {
        await publish(`/events/${topic}`, JSON.stringify(payload), {
          'content-type': 'application/json',
          'user-agent': 'GitHub-Hookshot/044aadd',
          'x-github-event': name,
          'x-github-delivery': crypto.randomUUID(),
        })
      }
      const events = (await messagesOf(whole, ofRepositories.length)).map(({ data }) => JSON.parse(data))
      expectAll(events)
      const messages = await messagesOf(plain, ofRepositories.length)
      expectAll(messages.map(({ type, data }, index) => ({ topic: events[index].topic, type, data: JSON.parse(data) })))
      expect(messages.map(({ id }) => id)).toEqual(events.map(({ cursor }) => cursor))
      whole.drop()
      plain.drop()
    })

    test('sent as NDJSON reach readers of github/*/* deep-equal', async () => {
      const stream = await rawStream(`${server.url}/events/github/*/*?envelope=1`)
      for (let from = 0; from < all.length; from += 100) {
        const body = all
          .slice(from, from + 100)
          .map(asLine)
          .join('\n')
        await publish('/events', body, { 'content-type': 'application/x-ndjson' })
      }
      expectAll((await messagesOf(stream, ofRepositories.length)).map(({ data }) => JSON.parse(data)))
      stream.drop()
    })

    test('piped into mcp-sse publish --ndjson come out of mcp-sse subscribe --json deep-equal', async () => {
      const start = await publish('/events/start', 'here')
      const live = mcpSse(
        ['subscribe', 'github/*/*', '--since', start, '--json', '--count', String(ofRepositories.length)],
        server,
      )
      const { stdout } = await mcpSse(
        ['publish', 'unused', '-', '--ndjson', '--json'],
        server,
        all.map(asLine).join('\n'),
      )
      expect(JSON.parse(stdout)).toMatchObject({ events: all.length, duplicates: 0 })
      const lines = (await live).stdout.trimEnd().split('\n')
      expectAll(lines.map((line) => JSON.parse(line)))
    })
  })
})

function unquoted(body: string): string {
  return body.startsWith('"') ? (JSON.parse(body) as string) : body
}

function offsetBefore(cursor: string): number {
  return Number(cursor.split('.')[1]) - 1
}
