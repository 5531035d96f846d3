import { describe, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { HubError } from '../../../src/core/errors.ts'
import { type Challenge, Challenges, type ChallengesOptions } from '../../../src/webhooks/outbound/challenge.ts'
import { HttpOutbound } from '../../../src/webhooks/outbound/http-outbound.ts'
import type { Outbound, OutboundRequest, Outcome } from '../../../src/webhooks/outbound/outcome.ts'
import { PUBLIC_ONLY } from '../../../src/webhooks/outbound/outcome.ts'
import { CallbackRefusal } from '../../../src/webhooks/refusals.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { answering, rawReceiver } from '../../support/raw-receiver.ts'
import { registerSecret } from '../../support/secrets.ts'

const key = randomBytes(32)
registerSecret(`whsec_${key.toString('base64')}`)
registerSecret(key.toString('base64'))

function challenge(more: Partial<Challenge> = {}): Challenge {
  const url = new URL('https://hooks.example.net/cb')
  return { url, rule: PUBLIC_ONLY, id: 'sub_1', keys: [key], principal: 'key:ci', ...more }
}

/** Answers at this side of the network: what is asked is under test here, not how it travels. */
class Receiver implements Outbound {
  readonly asked: OutboundRequest[] = []
  readonly #answer: (nonce: string) => Outcome | Promise<Outcome>

  constructor(answer: (nonce: string) => Outcome | Promise<Outcome> = echoing) {
    this.#answer = answer
  }

  async post(request: OutboundRequest): Promise<Outcome> {
    this.asked.push(request)
    return this.#answer(JSON.parse(request.body).challenge)
  }
}

function answered(body: string, status = 200): Outcome {
  return { kind: 'answered', status, body: new TextEncoder().encode(body), retryAfterMs: undefined }
}

function echoing(nonce: string): Outcome {
  return answered(JSON.stringify({ challenge: nonce }))
}

function challenges(outbound: Outbound, options: Partial<ChallengesOptions> = {}) {
  const clock = new ManualClock()
  return { clock, challenges: new Challenges({ outbound, clock, ...options }) }
}

async function refusal(promise: Promise<void>): Promise<HubError> {
  try {
    await promise
  } catch (error) {
    if (error instanceof HubError) return error
    throw error
  }
  throw new Error('It was proven.')
}

test('a callback that echoes the challenge is proven, and was asked once, signed, with the id of the subscription', async () => {
  const receiver = new Receiver()
  const { clock, challenges: under } = challenges(receiver)
  clock.set(Date.now())
  const old = randomBytes(24)
  await under.prove(challenge({ keys: [key, old] }))
  const [request, ...others] = receiver.asked
  expect(others).toEqual([])
  const { body, headers, timeoutMs } = request!
  expect(JSON.parse(body)).toEqual({ type: 'verification', challenge: expect.stringMatching(/^[\w-]{43}$/) })
  expect(headers).toMatchObject({ 'content-type': 'application/json', 'x-mcp-subscription-id': 'sub_1' })
  expect(headers['webhook-id']).toMatch(/^msg_verification_[0-9a-f]{32}$/)
  expect(timeoutMs).toBe(10_000)
  for (const each of [key, old]) expect(new Webhook(each.toString('base64')).verify(body, { ...headers })).toBeTruthy()
})

test('no challenge is asked twice', async () => {
  const receiver = new Receiver()
  const { challenges: under } = challenges(receiver)
  for (let turn = 0; turn < 20; turn++) await under.prove(challenge())
  expect(new Set(receiver.asked.map(({ body }) => body)).size).toBe(20)
  expect(new Set(receiver.asked.map(({ headers }) => headers['webhook-id'])).size).toBe(20)
})

describe('not proven, and the refusal says nothing of what was answered:', () => {
  test.each<[string, (nonce: string) => Outcome]>([
    ['another challenge', () => answered('{"challenge":"private-answer"}')],
    ['one letter less', (nonce) => answered(JSON.stringify({ challenge: nonce.slice(1) }))],
    ['no challenge', () => answered('{"private-answer":1}')],
    ['a challenge that is no text', (nonce) => answered(JSON.stringify({ challenge: [nonce] }))],
    ['a list', (nonce) => answered(JSON.stringify([{ challenge: nonce }]))],
    ['nothing', () => answered('')],
    ['null', () => answered('null')],
    ['the bare challenge', (nonce) => answered(nonce)],
    ['what is not JSON', () => answered('<h1>private-answer</h1>')],
    ['the echo with status 201 and more than is read', (nonce) => answered(`{"challenge":"${nonce}"`, 201)],
    ['the echo with status 302', (nonce) => answered(JSON.stringify({ challenge: nonce }), 302)],
    ['the echo with status 404', (nonce) => answered(JSON.stringify({ challenge: nonce }), 404)],
    ['the echo with status 500', (nonce) => answered(JSON.stringify({ challenge: nonce }), 500)],
  ])('%s', async (_, answer) => {
    const error = await refusal(challenges(new Receiver(answer)).challenges.prove(challenge()))
    expect(error).toBeInstanceOf(CallbackRefusal)
    expect(error).toMatchObject({ code: 'callback-failed', failure: 'challenge_failed' })
    expect(error.message).not.toMatch(/private-answer|hooks\.example\.net|\b[2345]0[0-9]\b(?! and)/)
  })
})

test.each(['connection_refused', 'timeout', 'tls_error'] as const)('%s is passed on as it is', async (failure) => {
  const { challenges: under } = challenges(new Receiver(() => ({ kind: 'failed', failure })))
  expect(await refusal(under.prove(challenge()))).toMatchObject({ code: 'callback-failed', failure })
})

test('a private port that listens and one that does not are refused in the same words', async () => {
  await using listening = await rawReceiver(answering('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'))
  const closed = await rawReceiver(() => {})
  await closed[Symbol.asyncDispose]()
  const { challenges: under } = challenges(new HttpOutbound({ resolve: async () => ['127.0.0.1'] }))
  const refusals = [listening, closed].map(({ port }) =>
    refusal(under.prove(challenge({ url: new URL(`https://rebinding.example.net:${port}/`) }))),
  )
  const [open, shut] = await Promise.all(refusals)
  expect({ ...open!, message: open!.message }).toEqual({ ...shut!, message: shut!.message })
  expect(listening.connections).toBe(0)
})

test('an answer of more than 4 KiB is not read to its end and proves nothing', async () => {
  await using receiver = await rawReceiver((socket) => {
    socket.on('data', (bytes) => {
      const nonce = /"challenge":"([\w-]+)"/.exec(bytes.toString())?.[1]
      const body = `{"challenge":"${nonce}","more":"${'x'.repeat(5000)}"}`
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
    })
  })
  const { challenges: under } = challenges(new HttpOutbound())
  const url = new URL(`http://127.0.0.1:${receiver.port}/`)
  const rule = { loopback: true, private: false }
  expect(await refusal(under.prove(challenge({ url, rule })))).toMatchObject({ failure: 'challenge_failed' })
})

describe('at once', () => {
  function held() {
    const { promise, resolve } = Promise.withResolvers<void>()
    const receiver = new Receiver((nonce) => promise.then(() => echoing(nonce)))
    return { receiver, release: resolve }
  }

  test('one principal has four under way, and a fifth when one has ended', async () => {
    const { receiver, release } = held()
    const { challenges: under } = challenges(receiver)
    const four = Array.from({ length: 4 }, () => under.prove(challenge()))
    expect(await refusal(under.prove(challenge()))).toMatchObject({ code: 'rate-limited', retryAfterMs: 1000 })
    const other = under.prove(challenge({ principal: 'key:other' }))
    release()
    await Promise.all([...four, other])
    await under.prove(challenge())
    expect(receiver.asked).toHaveLength(6)
  })

  test('all principals have 32 under way', async () => {
    const { receiver, release } = held()
    const { challenges: under } = challenges(receiver)
    const principals = Array.from({ length: 33 }, (_, index) => ({ principal: `key:${index}` }))
    const all = principals.slice(1).map((more) => under.prove(challenge(more)))
    expect(await refusal(under.prove(challenge(principals[0])))).toMatchObject({ code: 'rate-limited' })
    release()
    await Promise.all(all)
  })

  test('one that fails leaves its place as well', async () => {
    const { challenges: under } = challenges(new Receiver(() => answered('')), { atOnce: 1 })
    for (let turn = 0; turn < 3; turn++) expect(await refusal(under.prove(challenge()))).toBeInstanceOf(CallbackRefusal)
  })
})

describe('in a minute', () => {
  test('one principal asks one host thirty times, and other hosts meanwhile', async () => {
    const receiver = new Receiver()
    const { clock, challenges: under } = challenges(receiver)
    for (let turn = 0; turn < 30; turn++) await under.prove(challenge())
    expect(await refusal(under.prove(challenge()))).toMatchObject({ code: 'rate-limited', retryAfterMs: 2000 })
    await under.prove(challenge({ url: new URL('https://other.example.net/') }))
    clock.pass(1999)
    expect(await refusal(under.prove(challenge()))).toMatchObject({ retryAfterMs: 1 })
    clock.pass(1)
    await under.prove(challenge())
    expect(receiver.asked).toHaveLength(32)
  })

  test('all principals ask one host 120 times beyond their own, whatever the port', async () => {
    const { clock, challenges: under } = challenges(new Receiver(), { ownPerMinute: 1 })
    const asked = (turn: number, of: string) =>
      under.prove(challenge({ principal: of, url: new URL(`https://hooks.example.net:${1000 + turn}/`) }))
    for (let turn = 0; turn < 240; turn++) await asked(turn, `key:${turn % 120}`)
    const late = () => asked(0, 'key:0')
    expect(await refusal(late())).toMatchObject({ code: 'rate-limited', retryAfterMs: 500 })
    clock.pass(500)
    await late()
  })

  test('five principals that ask for all they may keep nobody from the first three of a minute', async () => {
    const receiver = new Receiver()
    const { clock, challenges: under } = challenges(receiver)
    for (let turn = 0; turn < 30 * 5; turn++) {
      await under.prove(challenge({ principal: `key:evil-${turn % 5}` })).catch(() => {})
    }
    expect(receiver.asked).toHaveLength(120 + 5 * 3)
    const good = () => under.prove(challenge({ principal: 'key:good' }))
    for (let turn = 0; turn < 3; turn++) await good()
    expect(await refusal(good())).toMatchObject({ code: 'rate-limited' })
    clock.pass(20_000)
    for (let turn = 0; turn < 40; turn++) {
      await under.prove(challenge({ principal: `key:evil-${turn % 5}` })).catch(() => {})
    }
    await good()
  })

  test('the first three of a principal are so at all hosts together', async () => {
    const { challenges: under } = challenges(new Receiver(), { perMinute: 1 })
    const at = (host: string) => under.prove(challenge({ url: new URL(`https://${host}.example.net/`) }))
    for (const host of ['a', 'b', 'c', 'd']) await at(host)
    await under.prove(challenge({ principal: 'key:other', url: new URL('https://d.example.net/') }))
    expect(await refusal(at('d'))).toMatchObject({ code: 'rate-limited' })
    await at('a')
  })

  test('one that fails counts as well', async () => {
    const { challenges: under } = challenges(new Receiver(() => answered('')), { perMinute: 1 })
    for (let turn = 0; turn < 4; turn++) expect(await refusal(under.prove(challenge()))).toBeInstanceOf(CallbackRefusal)
    expect(await refusal(under.prove(challenge()))).toMatchObject({ code: 'rate-limited' })
  })

  test('however many principals there are, one host is asked 600 times', async () => {
    const { clock, challenges: under } = challenges(new Receiver())
    for (let turn = 0; turn < 600; turn++) await under.prove(challenge({ principal: `key:${turn}` }))
    const late = () => under.prove(challenge({ principal: 'key:late' }))
    expect(await refusal(late())).toMatchObject({ code: 'rate-limited', retryAfterMs: 100 })
    clock.pass(100)
    await late()
  })

  test('what was refused counts for nothing', async () => {
    const { clock, challenges: under } = challenges(new Receiver(), { perMinuteOfPrincipal: 1, perMinuteInAll: 2 })
    await under.prove(challenge())
    for (let turn = 0; turn < 10; turn++) await refusal(under.prove(challenge()))
    await under.prove(challenge({ principal: 'key:other' }))
    clock.pass(60_000)
    await under.prove(challenge())
  })
})
