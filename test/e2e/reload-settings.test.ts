import { afterEach, expect, test } from 'bun:test'
import { bearer } from '../support/access.ts'
import { configuredKey } from '../support/configured-key.ts'
import { Executable } from '../support/executable.ts'
import type { Follower } from '../support/follower.ts'
import { Followers } from '../support/followers.ts'
import { expectProblem } from '../support/problem.ts'
import { reload, writeSettings } from '../support/reload.ts'
import { until } from '../support/until.ts'
import { WebhookReceiver } from '../support/webhook-receiver.ts'

let server: Executable
let receiver: WebhookReceiver | undefined
const followers = new Followers()
afterEach(async () => {
  followers.stop()
  await receiver?.close()
  receiver = undefined
  await server?.remove()
})

/** A reload of these lines of the file; the environment is that of the start. */
function reloadWith(...parts: Parameters<typeof writeSettings>[1][]): Promise<string> {
  writeSettings(server, ...parts)
  return reload(server)
}

const follow = async (path: string) => (await followers.open(server.url + path, {})).opened()
const publish = (topic: string, body: string, headers: Record<string, string> = {}) =>
  fetch(`${server.url}/events/${topic}`, { method: 'POST', headers, body })

test('a lowered cap on streams refuses the next one and cuts off nobody; a raised one lets in again', async () => {
  server = await Executable.serve()
  const open = [await follow('/events'), await follow('/events')]
  expect(await reloadWith('[limits]\nconnections = 2\n')).toContain('reloaded: limits.connections\n')
  const refused = await follow('/events')
  expect(refused.control('$closing')[0]).toMatchObject({ reason: 'too-many-connections', reconnect: true })
  await reloadWith('[limits]\nconnections = 1\n')
  await publish('a', 'hello')
  await until('both to have it', () => open.every((each) => each.events.length === 1))
  await reloadWith('[limits]\nconnections = 3\n')
  expect((await follow('/events')).control('$open')).toHaveLength(1)
  expect(open.map(({ ended }) => ended)).toEqual(['no', 'no'])
})

test('streams that are open keep the heartbeat they were told, and new ones are told the new one; so is retry', async () => {
  server = await Executable.serve({ MCP_SSE_STREAM_RETRY: '10s' })
  const before = await follow('/events?heartbeat=event')
  expect(before.retryMs).toBeGreaterThanOrEqual(5000)
  expect(await reloadWith('[stream]\nheartbeat = "1s"\nmax_age = "10m"\n')).toContain(
    'reloaded: stream.heartbeat, stream.max_age\n',
  )
  const after = await follow('/events?heartbeat=event')
  await after.first('$heartbeat')
  const told = (follower: Follower) => follower.control('$open')[0]!.heartbeatMs
  expect([told(before), told(after), before.control('$heartbeat')]).toEqual([15_000, 1000, []])
})

test('a lowered publish rate counts for the very next request', async () => {
  const keys = ['busy', 'quiet'].map((name) => configuredKey(name, { publish: ['a'] }))
  const [busy, quiet] = keys.map(({ text }) => text) as [string, string]
  server = await Executable.serve()
  await reloadWith(...keys)
  const publishAtOnce = (events: number, key = busy) =>
    fetch(`${server.url}/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...bearer(key) },
      body: JSON.stringify(Array.from({ length: events }, () => ({ topic: 'a', data: 1 }))),
    })
  expect((await publishAtOnce(20)).status).toBe(201)
  expect(await reloadWith('[limits]\npublish_rate = 1\n', ...keys)).toContain('reloaded: limits.publish_rate\n')
  // Five seconds' worth may come at once: more is not let in, however long it was quiet.
  await expectProblem(await publishAtOnce(20, quiet), 413, 'batch-too-large')
  // And that much twice is too fast, unless five seconds went by in between.
  const fast = await until('one that is too fast', async () => {
    await publishAtOnce(5)
    const next = await publishAtOnce(5)
    return next.status === 201 ? undefined : next
  })
  await expectProblem(fast, 429, 'rate-limited')
  await reloadWith('[limits]\npublish_rate = 100\n', ...keys)
  expect((await publishAtOnce(20)).status).toBe(201)
})

test('a lower limit of retention deletes nothing at once, and the next reload takes it back', async () => {
  server = await Executable.serve()
  const reader = await follow('/events')
  for (let index = 0; index < 30; index++) await publish('a', `${index}`)
  expect(await reloadWith('[retention]\nmax_events = 10\n')).toContain('reloaded: retention.max_events\n')
  expect(server.output).toMatch(
    /warning: retention\.max_events goes from 1000000 to 10 in 1m, and what is above it is deleted for good then/,
  )
  expect(await reloadWith('')).toContain('retention.max_events is not lowered after all: it is 1000000.\n')
  await publish('a', 'after')
  await until('all of them', () => reader.events.length === 31)
  const answer = await fetch(`${server.url}/events?format=json&limit=100&since=earliest`)
  expect(((await answer.json()) as { events: unknown[] }).events).toHaveLength(31)
  expect(reader.ended).toBe('no')
})

test('a forward is added, changed and taken out while it runs, the first one too', async () => {
  server = await Executable.serve()
  const hook = new WebhookReceiver()
  receiver = hook
  const forward = (path: string) =>
    `[[forward]]\nname = "chat"\ntopic = "alerts/**"\nurl = "${hook.url(path)}"\nprivate = true\nbody = '{"text": "{{data}}"}'\n`
  const came = () => hook.attempts.map(({ path, json }) => `${path} ${json.text}`)
  // The hub has taken the answer too: else it would send that event again, by what is changed next.
  const delivered = async () => {
    const { webhooks } = (await (await fetch(`${server.url}/webhooks`)).json()) as { webhooks: { behind: number }[] }
    return webhooks.every(({ behind }) => behind === 0)
  }
  const arrives = (what: string) => until(what, async () => came().includes(what) && (await delivered()))
  await publish('alerts/disk', '0')
  expect(await reloadWith(forward('/one'))).toContain('reloaded: forwards added chat\n')
  await publish('alerts/disk', '1')
  await arrives('/one 1')
  expect(await reloadWith(forward('/two'))).toContain('reloaded: forwards changed chat\n')
  await publish('alerts/disk', '2')
  await arrives('/two 2')
  expect(await reloadWith('')).toContain('reloaded: forwards removed chat\n')
  await publish('alerts/disk', '3')
  await reloadWith(forward('/three'))
  await publish('alerts/disk', '4')
  await arrives('/three 4')
  expect(came()).toEqual(['/one 1', '/two 2', '/three 4'])
})

test('a reload that is refused in one place changes nothing in another', async () => {
  server = await Executable.serve()
  const forward = '[[forward]]\nname = "chat"\ntopic = "a"\nurl = "http://127.0.0.1:9/"\n'
  const said = await reloadWith(`[limits]\nconnections = 1\n${forward}`)
  expect(said).toContain('goes on as before')
  expect(said).toContain('forward[0].url (chat) is refused')
  const open = [await follow('/events'), await follow('/events')]
  expect(open.map((each) => each.control('$open').length)).toEqual([1, 1])
})

test('what needs a restart is named as long as it does, and does not count', async () => {
  server = await Executable.serve()
  const restart = 'durability = "memory"\n[[retention.topics]]\npattern = "a"\nmax_events = 1\n'
  expect(await reloadWith(restart)).toContain('reloaded: needs a restart: durability, retention.topics\n')
  await publish('a', '1')
  await publish('a', '2')
  expect(await reloadWith(`log_level = "debug"\n${restart}`)).toContain(
    'reloaded: log_level; needs a restart: durability, retention.topics\n',
  )
  const topics = (await (await fetch(`${server.url}/topics`)).json()) as { topics: unknown[] }
  expect(topics.topics).toMatchObject([{ topic: 'a', events: 2 }])
  expect(await reloadWith('')).toContain('reloaded: log_level\n')
})

test('log_level counts for the next line', async () => {
  server = await Executable.serve()
  const ended = async (): Promise<string> => {
    const before = server.output.length
    const stream = await follow('/events')
    const id = stream.control('$open')[0]!.connection
    stream.stop()
    const own = () => server.output.slice(before)
    await until('it to be over', async () => {
      const summary = await (await fetch(`${server.url}/connections`)).text()
      return !summary.includes(`${id}`)
    })
    return own()
  }
  await until('the line of a stream that ended', async () => (await ended()).includes('closed con_'))
  // Lines come in order: between two that are written at either level there is none.
  const warned = async (keep: number) => {
    writeSettings(server, `log_level = "warn"\n[retention]\nmax_events = ${keep}\n`)
    process.kill(server.pid, 'SIGHUP')
    const said = ` to ${keep} in 1m, and what is above it is deleted`
    await until('the warning', () => server.output.includes(said))
    return server.output.indexOf(said)
  }
  const from = await warned(900_000)
  await ended()
  expect(server.output.slice(from, await warned(800_000))).not.toContain('closed con_')
})

test('a longer drain.delay counts for the stop that comes', async () => {
  server = await Executable.serve()
  // Longer than it may take to ask in between.
  expect(await reloadWith('[drain]\ndelay = "10s"\n')).toContain('reloaded: drain.delay\n')
  const began = performance.now()
  server.signal('SIGTERM')
  await until('it to say that it is not ready', async () => (await fetch(`${server.url}/readyz`)).status === 503)
  expect(await server.exited()).toBe(0)
  expect(performance.now() - began).toBeGreaterThan(9900)
})
