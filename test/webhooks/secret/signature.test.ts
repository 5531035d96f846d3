import { expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { signatureHeaders } from '../../../src/webhooks/secret/signature.ts'

const A = Uint8Array.from({ length: 32 }, (_, index) => index)
const B = Uint8Array.from({ length: 32 }, (_, index) => 0xff - index)
const NOW = Date.UTC(2026, 10, 1)
const SIGNED_A = 'v1,iQWJMSnWoiis9cmjlpoU9TZQGO+WOHK0izwL5LAZjNQ='
const SIGNED_B = 'v1,YmqCVzU8gKazQbEUCyjEmxRxlO2chYHDN0H3bJp/C8M='
const BODY =
  '{"eventId":"evt_01","name":"demo.created","timestamp":"2026-11-01T00:00:00.000Z","data":{"id":"42","title":"Café ✓"},"cursor":"17"}'

const signature = (keys: Uint8Array[], now = NOW, id = 'evt_01', body = BODY) =>
  signatureHeaders({ id, body, keys, now })['webhook-signature']

test('57: an event is signed as the published vector says, to the byte', () => {
  expect(Buffer.byteLength(BODY)).toBe(134)
  expect(signatureHeaders({ id: 'evt_01', body: BODY, keys: [A], now: NOW + 999 })).toEqual({
    'webhook-id': 'evt_01',
    'webhook-timestamp': '1793491200',
    'webhook-signature': SIGNED_A,
  })
})

test('57, 59: another attempt of the same body half a minute later has another signature, by the vector', () => {
  expect(signature([A], NOW + 30_000)).toBe('v1,TFfqGKJmYLHKZlp4TESHk1go2CvomwxTP+4vhXRc6Xg=')
})

test('44, 57: while a secret is replaced both sign, the new one first', () => {
  expect(signature([B])).toBe(SIGNED_B)
  expect(signature([B, A])).toBe(`${SIGNED_B} ${SIGNED_A}`)
})

test('a verification is signed as the published vector says', () => {
  const body = '{"type":"verification","challenge":"dGVzdC1ub25jZS0wMQ"}'
  expect(signature([A], NOW, 'msg_verification_0f1e2d3c', body)).toBe('v1,uvd2WdIiR/ieYk6MejzBbo/aiOUc6D6CfLN9rokjwfo=')
})

test('without a key there is no signature, and id and time are there', () => {
  expect(signatureHeaders({ id: 'evt_01', body: BODY, keys: [], now: NOW })).toEqual({
    'webhook-id': 'evt_01',
    'webhook-timestamp': '1793491200',
  })
})

test('standardwebhooks verifies what is signed with the new key and with the old one, and nothing that was changed', () => {
  const [fresh, old, other] = [randomBytes(24), randomBytes(64), randomBytes(32)]
  const headers = signatureHeaders({ id: 'evt_k3f9a2b7_1', body: BODY, keys: [fresh, old], now: Date.now() })
  const verify = (key: Buffer, body = BODY) => new Webhook(key.toString('base64')).verify(body, headers)
  expect(verify(fresh)).toEqual(JSON.parse(BODY))
  expect(verify(old)).toEqual(JSON.parse(BODY))
  expect(() => verify(other)).toThrow('signature')
  expect(() => verify(fresh, BODY.replace('42', '43'))).toThrow('signature')
})
