import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { HubError } from '../../../src/core/errors.ts'
import { ALL_GRANTS, parseGrants } from '../../../src/core/grants.ts'
import { chooser } from '../../../src/mcp/events/choose.ts'
import { OfferedTypes } from '../../../src/mcp/events/offered-types.ts'
import { promisesOf } from '../../../src/mcp/events/promises.ts'
import { storedEvent } from '../../support/event.ts'
import { eventTypesOf } from '../../support/event-types.ts'

const types = new OfferedTypes(
  eventTypesOf({
    name: 'build.finished',
    topic: 'builds/**',
    properties: { outcome: { enum: ['passed', 'failed'] }, branch: { type: 'string' } },
    required: ['outcome'],
    filters: { branch: '/branch' },
  }).declared,
)
const choose = chooser(types)

function codeOf(run: () => unknown): [string, string | undefined] {
  try {
    run()
  } catch (error) {
    if (error instanceof HubError) return [error.code, error.pointer]
    throw error
  }
  return ['nothing', undefined]
}

describe('what of the log a webhook is sent', () => {
  test('is what the other modes give, as text without a cursor, and only what its arguments want', () => {
    const { occurrence } = choose('build.finished', { branch: 'main' }, ALL_GRANTS)!
    const event = storedEvent({ offset: 7, topic: 'builds/1', data: '{"outcome":"failed", "branch":"main"}' })
    expect(occurrence(event)).toEqual({
      eventId: 'evt_k3f9a2b7_7',
      json: `{"eventId":"evt_k3f9a2b7_7","name":"build.finished","timestamp":"${new Date(event.received).toISOString()}","data":{"outcome":"failed","branch":"main"}}`,
    })
    expect(types.select('build.finished', { branch: 'main' }, ALL_GRANTS)!.of(event)).toEqual(
      JSON.parse(occurrence(event)!.json),
    )
    expect(occurrence({ ...event, data: '{"outcome":"failed","branch":"x"}' })).toBeUndefined()
    expect(occurrence({ ...event, data: '{"branch":"main"}' })).toBeUndefined()
  })

  test('goes by the grants, never by what was asked for alone', () => {
    const grants = parseGrants({ subscribe: ['orders/1'] })
    expect(choose('topic.event', { topic: 'orders/**' }, grants)?.filter.patterns.map(({ text }) => text)).toEqual([
      'orders/1',
    ])
    expect(codeOf(() => choose('topic.event', { topic: 'secret' }, grants))).toEqual(['forbidden', '/topic'])
  })

  test('is nothing of a type that does not exist, names of every object included', () => {
    for (const name of ['build.started', 'constructor', '__proto__', '']) {
      expect(choose(name, {}, ALL_GRANTS)).toBeUndefined()
    }
  })

  test('is refused for arguments the type does not take, with a pointer into them', () => {
    expect(codeOf(() => choose('topic.event', {}, ALL_GRANTS))).toEqual(['invalid-arguments', '/topic'])
    expect(codeOf(() => choose('build.finished', { branch: 1 }, ALL_GRANTS))).toEqual(['invalid-arguments', '/branch'])
  })
})

describe('what a payload schema promises', () => {
  const promised = (properties: Record<string, unknown>, required: string[] = [], more = {}) =>
    promisesOf({ type: 'object', properties, required, ...more })
  const before = promised({ branch: { type: 'string' }, outcome: { enum: ['passed', 'failed'] } }, ['outcome'])
  const kept = (after: readonly string[]) => before.every((promise) => after.includes(promise))

  test('is one text for each property, each value of an enum and each that is required', () => {
    expect(before).toEqual(['branch:string', 'outcome required', 'outcome="failed"', 'outcome="passed"'])
    expect(choose('build.finished', {}, ALL_GRANTS)!.promises).toEqual(before)
  })

  const branch = { type: 'string' }
  const outcome = { enum: ['passed', 'failed'] }
  test.each<[string, Record<string, unknown>, string[]]>([
    ['a property', { branch, outcome, url: { type: 'string' } }, ['outcome']],
    ['a value of an enum', { branch, outcome: { enum: ['failed', 'skipped', 'passed'] } }, ['outcome']],
    ['something required', { branch, outcome }, ['branch', 'outcome']],
    ['words', { branch: { ...branch, description: 'The branch.' }, outcome }, ['outcome']],
  ])('is kept when %s is added', (_, properties, required) => {
    expect(kept(promised(properties, required))).toBe(true)
  })

  test.each<[string, Record<string, unknown>, string[]]>([
    ['a property is gone', { outcome }, ['outcome']],
    ['a property has another type', { branch: { type: 'number' }, outcome }, ['outcome']],
    ['a property has one more type', { branch: { type: ['string', 'null'] }, outcome }, ['outcome']],
    ['a value of an enum is gone', { branch, outcome: { enum: ['passed'] } }, ['outcome']],
    ['free text becomes an enum', { branch: { type: 'string', enum: ['main'] }, outcome }, ['outcome']],
    ['something is no longer required', { branch, outcome }, []],
  ])('is broken when %s', (_, properties, required) => {
    expect(kept(promised(properties, required))).toBe(false)
  })

  test('follows $ref, and says of a circle and of what is elsewhere that it may be anything', () => {
    const $defs = { text: { type: 'string' }, circle: { $ref: '#/$defs/circle' } }
    expect(promised({ a: { $ref: '#/$defs/text' }, b: { $ref: '#/$defs/none' } }, [], { $defs })).toEqual([
      'a:string',
      'b:any',
    ])
    expect(promised({ a: { $ref: '#/$defs/circle' }, b: true }, [], { $defs })).toEqual(['a:any', 'b:any'])
  })

  test('is one of topic.event, whatever is configured', () => {
    expect(choose('topic.event', { topic: 'a' }, ALL_GRANTS)!.promises).toEqual([
      'clipped:object',
      'data required',
      'data:any',
      'jsonText=true',
      'topic required',
      'topic:string',
      'type required',
      'type:string',
    ])
  })
})

test('choosing loads nothing of the SDK: a hub with stored webhooks starts without it', () => {
  const transpiler = new Bun.Transpiler({ loader: 'ts' })
  const seen = new Set<string>()
  const packages = new Set<string>()
  const visit = (file: string): void => {
    if (seen.has(file)) return
    seen.add(file)
    for (const { path } of transpiler.scanImports(readFileSync(file, 'utf8'))) {
      if (path.startsWith('.')) visit(resolve(dirname(file), path))
      else packages.add(path)
    }
  }
  for (const file of ['choose.ts', 'offered-types.ts']) visit(resolve(import.meta.dir, '../../../src/mcp/events', file))
  expect(seen.size).toBeGreaterThan(10)
  expect([...packages].toSorted()).toEqual(['node:util', 'zod'])
})
