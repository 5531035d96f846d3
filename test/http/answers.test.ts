import { describe, expect, test } from 'bun:test'
import { LOCAL } from '../../src/core/principal.ts'
import { Answers } from '../../src/http/answers.ts'
import { rejection } from '../support/settled.ts'

const KIB = 1024

describe('memory for what is read into an answer of another protocol', () => {
  test('is held from before the look-up until it is given back, which may be done twice', async () => {
    const answers = new Answers(1024 * KIB)
    const { room, release } = answers.reading(LOCAL)
    expect(answers.held).toBeGreaterThan(0)
    let during = 0
    await room.step(100 * KIB, async () => {
      during = answers.held
    })
    expect(during).toBeGreaterThan(600 * KIB)
    expect(answers.held).toBe(during)
    release()
    release()
    expect(answers.held).toBe(0)
  })

  test('is of the same room as answers, and refused when there is none', async () => {
    const answers = new Answers(600 * KIB)
    const [first, second] = [answers.reading(LOCAL), answers.reading(LOCAL)]
    await first.room.step(0, async () => {})
    expect(() => second.room.step(100 * KIB, async () => {})).toThrow('Too many answers are being read at once')
    first.release()
    await second.room.step(0, async () => {})
    second.release()
    expect(answers.held).toBe(0)
    expect(() => new Answers(1).reading(LOCAL)).toThrow('try again in a moment')
  })
})

describe('an answer that another protocol made', () => {
  const asking = { request: new Request('http://127.0.0.1/mcp'), principal: LOCAL }
  const json = (bytes: number): Response =>
    new Response('x'.repeat(bytes), { headers: { 'content-type': 'application/json', 'mcp-session-id': 'a' } })

  test('holds its part of the memory until it has been taken, with its headers', async () => {
    const answers = new Answers(1024 * KIB)
    const answer = await answers.untilTaken(json(300 * KIB), asking)
    expect(answers.held).toBeGreaterThanOrEqual(300 * KIB)
    expect(answer.headers.get('mcp-session-id')).toBe('a')
    expect((await answer.text()).length).toBe(300 * KIB)
    expect(answers.held).toBe(0)
  })

  test('that says it is short is passed on as it is, and a long one goes on without a length beside its chunks', async () => {
    const answers = new Answers(1024 * KIB)
    const told = (bytes: number): Response =>
      new Response('x'.repeat(bytes), { headers: { 'content-length': String(bytes) } })
    const short = told(64 * KIB)
    expect(await answers.untilTaken(short, asking)).toBe(short)
    const long = await answers.untilTaken(told(64 * KIB + 1), asking)
    expect(answers.held).toBeGreaterThan(64 * KIB)
    expect(long.headers.has('content-length')).toBe(false)
    expect(await long.text()).toHaveLength(64 * KIB + 1)
    expect(answers.held).toBe(0)
  })

  test('gives it back when its client goes', async () => {
    const client = new AbortController()
    const answers = new Answers(1024 * KIB)
    const request = new Request('http://127.0.0.1/mcp', { signal: client.signal })
    await answers.untilTaken(json(300 * KIB), { ...asking, request })
    client.abort()
    expect(answers.held).toBe(0)
  })

  test('is refused when there is no room, and not counted when a socket takes it at once', async () => {
    const answers = new Answers(100 * KIB)
    expect(await (await answers.untilTaken(json(64 * KIB), asking)).text()).toHaveLength(64 * KIB)
    expect(answers.held).toBe(0)
    const refused = await rejection(answers.untilTaken(json(200 * KIB), asking))
    expect((refused as Error).message).toContain('Too many answers')
  })
})
