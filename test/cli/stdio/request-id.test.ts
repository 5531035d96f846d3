import { expect, test } from 'bun:test'
import { RequestId } from '../../../src/cli/stdio/request-id.ts'

function found(text: string, piece = text.length) {
  const scanned = new RequestId()
  const bytes = new TextEncoder().encode(text)
  for (let at = 0; at < bytes.length; at += piece) scanned.feed(bytes.subarray(at, at + piece))
  return scanned.found
}

test('the id of a request is found wherever it stands, whatever the params hold', () => {
  const params = '{"id":"inner","method":"inner","text":"\\"id\\":7,{[\\\\","list":[{"id":1},[2]]}'
  expect(found(`{"jsonrpc":"2.0","id":42,"method":"m","params":${params}}`)).toBe(42)
  expect(found(`{"method":"m","params":${params},"jsonrpc":"2.0","id":"a\\u00e9\\"b"}`)).toBe('aé"b')
  expect(found(` { "params" : ${params} , "method" : "m" , "id" : -3 } `)).toBe(-3)
  expect(found(`{"\\u0069d":5,"method":"m"}`)).toBe(5)
})

test('it is the same however the bytes are cut', () => {
  const text = '{"method":"tools/call","params":{"a":["ü",{"id":1}]},"jsonrpc":"2.0","id":"ünter"}'
  for (let piece = 1; piece < 12; piece++) expect(found(text, piece)).toBe('ünter')
})

test('answers, notifications, batches and what is no JSON have no id to answer to', () => {
  expect(found('{"jsonrpc":"2.0","id":1,"result":{"method":"m"}}')).toBeUndefined()
  expect(found('{"jsonrpc":"2.0","method":"m","params":{"id":1}}')).toBeUndefined()
  expect(found('[{"jsonrpc":"2.0","id":1,"method":"m"},{"id":2,"method":"m"}]')).toBeUndefined()
  expect(found('{"id":null,"method":"m"}')).toBeUndefined()
  expect(found('{"id":{"a":1},"method":"m"}')).toBeUndefined()
  expect(found('}}]]"id":1,"method":"m"')).toBeUndefined()
})

test('a token of any length is not kept', () => {
  expect(found(`{"method":"m","id":"${'x'.repeat(10_000)}"}`)).toBeUndefined()
  expect(found(`{"${'k'.repeat(10_000)}":1,"method":"m","id":9}`)).toBe(9)
})
