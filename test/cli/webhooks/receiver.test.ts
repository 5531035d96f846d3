import { afterEach, expect, test } from 'bun:test'
import { Webhook } from 'standardwebhooks'
import type { Receipt } from '../../../src/cli/webhooks/receipt.ts'
import { Receiver, type ReceiverOptions } from '../../../src/cli/webhooks/receiver.ts'
import { webhookSecret } from '../../../src/webhooks/secret/webhook-secret.ts'
import { registerSecret } from '../../support/secrets.ts'
import { settled } from '../../support/settled.ts'
import { until } from '../../support/until.ts'

const newSecret = () =>
  registerSecret(`whsec_${Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64')}`)
const SECRET = newSecret()
const NOW = Date.parse('2026-11-22T12:00:00.000Z')
const EVENT = '{"eventId":"evt_1","name":"order.paid","data":{"total":99}}'

let receiver: Receiver
let receipts: Receipt[]
afterEach(() => receiver.stop())

function receive(options: Partial<ReceiverOptions> = {}): void {
  receipts = []
  receiver = new Receiver({
    port: 0,
    key: webhookSecret(SECRET, '/secret'),
    strict: true,
    statuses: [204],
    count: Number.POSITIVE_INFINITY,
    now: () => NOW,
    print: async (receipt) => void receipts.push(receipt),
    ...options,
  })
}

/** Signed by the reference implementation of Standard Webhooks. */
function signed(body: string, { secret = SECRET, at = NOW, id = 'evt_1' } = {}): Record<string, string> {
  const date = new Date(at)
  const signature = new Webhook(secret).sign(id, date, body)
  return { 'webhook-id': id, 'webhook-timestamp': String(Math.floor(at / 1000)), 'webhook-signature': signature }
}

const post = (body: string, headers: Record<string, string> = {}) =>
  fetch(receiver.url, { method: 'POST', body, headers })

test('a delivery signed with the secret is told and then answered 204', async () => {
  receive()
  const headers = { ...signed(EVENT), 'x-mcp-subscription-id': 'sub_a' }
  expect((await post(EVENT, headers)).status).toBe(204)
  expect(receipts).toEqual([
    {
      time: '2026-11-22T12:00:00.000Z',
      status: 204,
      fault: undefined,
      id: 'evt_1',
      subscription: 'sub_a',
      body: EVENT,
    },
  ])
})

test('what the secret did not sign, to the byte and in these five minutes, is 401', async () => {
  receive()
  const other = newSecret()
  const good = signed(EVENT)
  for (const [headers, fault] of [
    [{}, 'not signed'],
    [{ ...good, 'webhook-signature': '' }, 'signed with another secret'],
    [signed(EVENT, { secret: other }), 'signed with another secret'],
    [signed(`${EVENT} `), 'signed with another secret'],
    [{ ...good, 'webhook-id': 'evt_2' }, 'signed with another secret'],
    [{ ...good, 'webhook-timestamp': `${NOW / 1000 + 1}` }, 'signed with another secret'],
    [{ ...good, 'webhook-timestamp': 'now' }, 'signed with another secret'],
    [{ ...good, 'webhook-signature': good['webhook-signature']!.replace('v1,', 'v2,') }, 'signed with another secret'],
    [signed(EVENT, { at: NOW - 301_000 }), 'signed at another time: look at the clocks'],
    [signed(EVENT, { at: NOW + 301_000 }), 'signed at another time: look at the clocks'],
  ] as [Record<string, string>, string][]) {
    expect((await post(EVENT, headers)).status).toBe(401)
    expect(receipts.pop()).toMatchObject({ status: 401, fault })
  }
  for (const at of [NOW - 299_000, NOW + 299_000]) expect((await post(EVENT, signed(EVENT, { at }))).status).toBe(204)
})

test('one good signature among several is enough: senders that turn secrets sign twice', async () => {
  receive()
  const [turned, known] = [signed(EVENT, { secret: newSecret() }), signed(EVENT)]
  const both = { ...known, 'webhook-signature': `${turned['webhook-signature']} v1a,x ${known['webhook-signature']}` }
  expect((await post(EVENT, both)).status).toBe(204)
})

test('without a secret of the sender everything is taken, and said to be unverified', async () => {
  receive({ strict: false })
  expect((await post('anything')).status).toBe(204)
  expect((await post(EVENT, signed(EVENT, { secret: newSecret() }))).status).toBe(204)
  expect((await post(EVENT, signed(EVENT))).status).toBe(204)
  expect(receipts.map(({ fault }) => fault)).toEqual(['not signed', 'signed with another secret', undefined])
})

test('a challenge is answered with its nonce, whatever deliveries are answered with', async () => {
  receive({ statuses: [500], count: 1 })
  const body = '{"type":"verification","challenge":"dGVzdC1ub25jZS0wMQ"}'
  const response = await post(body, signed(body, { id: 'msg_verification_1' }))
  expect([response.status, await response.json()]).toEqual([200, { challenge: 'dGVzdC1ub25jZS0wMQ' }])
  const forged = await post(body, signed(body, { secret: newSecret() }))
  expect([forged.status, await forged.text()]).toEqual([401, ''])
  expect((await post(EVENT, signed(EVENT))).status).toBe(500)
})

test('several statuses are answered one after another, and then the last of them', async () => {
  receive({ strict: false, statuses: [500, 429, 204] })
  const answers: number[] = []
  for (let index = 0; index < 5; index++) answers.push((await post(EVENT)).status)
  expect(answers).toEqual([500, 429, 204, 204, 204])
})

test('after count deliveries it is done, and leaves what comes then with its sender', async () => {
  receive({ count: 2 })
  let done = false
  const ended = receiver.done.then(() => {
    done = true
  })
  expect((await post('refused')).status).toBe(401)
  expect((await post(EVENT, signed(EVENT))).status).toBe(204)
  expect(done).toBe(false)
  expect((await post(EVENT, signed(EVENT))).status).toBe(204)
  await ended
  expect((await post(EVENT, signed(EVENT))).status).toBe(503)
  expect(receipts.map(({ status }) => status)).toEqual([401, 204, 204])
})

test('nothing is answered before it was told, and an output that fails ends it', async () => {
  let taken: (error?: Error) => void = () => {}
  receive({
    strict: false,
    print: () =>
      new Promise((resolve, reject) => {
        taken = (error) => (error ? reject(error) : resolve())
      }),
  })
  let answered = false
  const first = post(EVENT).then((response) => {
    answered = true
    return response.status
  })
  await until('it to be told', () => taken.length > 0)
  await Bun.sleep(50)
  expect(answered).toBe(false)
  taken()
  expect(await first).toBe(204)
  taken = () => {}
  const second = post(EVENT)
  await until('it to be told', () => taken.length > 0)
  taken(new Error('no reader'))
  expect((await second).status).toBe(503)
  expect(await settled(receiver.done)).toThrow('no reader')
})

test('stopping does not wait for ever for an output that takes nothing', async () => {
  let asked = false
  receive({
    strict: false,
    print: () => {
      asked = true
      return new Promise(() => {})
    },
  })
  const cut = post(EVENT).then(
    () => 'answered',
    () => 'cut off',
  )
  await until('it to be told', () => asked)
  await receiver.stop()
  expect(await cut).toBe('cut off')
})

test('it listens on this machine alone, takes POSTs alone, and none above a MiB', async () => {
  receive({ strict: false })
  expect(receiver.url).toStartWith('http://127.0.0.1:')
  const get = await fetch(receiver.url)
  expect([get.status, get.headers.get('allow')]).toEqual([405, 'POST'])
  expect((await post('x'.repeat(1024 * 1024 + 1))).status).toBe(413)
  expect(receipts).toEqual([])
})

test('a port in use is told with the way out', () => {
  receive()
  const port = Number(new URL(receiver.url).port)
  const again = () => new Receiver({ ...({} as ReceiverOptions), port, key: new Uint8Array(24), count: 1 })
  expect(again).toThrow(`Port ${port} of 127.0.0.1 cannot be listened on (EADDRINUSE).`)
})
