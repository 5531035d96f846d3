import { expect, test } from 'bun:test'
import { type AddressRule, PUBLIC_ONLY } from '../../../src/webhooks/outbound/outcome.ts'
import { Resolver } from '../../../src/webhooks/outbound/resolver.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const LOOPBACK = { loopback: true, private: false }
const EVERYTHING = { loopback: true, private: true }

function scripted(answers: Record<string, readonly (readonly string[])[]>, names?: number) {
  const clock = new ManualClock()
  const asked: string[] = []
  const resolver = new Resolver({
    monotonic: () => clock.monotonic(),
    ...(names !== undefined && { names }),
    lookUp: async (name) => {
      const turn = asked.filter((other) => other === name).length
      asked.push(name)
      const answer = answers[name]?.[Math.min(turn, answers[name].length - 1)]
      if (!answer) throw new Error(`There is no ${name}.`)
      return answer
    },
  })
  return { resolver, asked, clock }
}

test('all addresses of a name are given, in the order of the answer', async () => {
  const { resolver } = scripted({ 'a.example': [['2606:4700::1', '8.8.8.8', '8.8.8.8']] })
  expect(await resolver.addresses('a.example', PUBLIC_ONLY)).toEqual(['2606:4700::1', '8.8.8.8'])
})

test.each([
  [['8.8.8.8', '10.0.0.1']],
  [['127.0.0.1', '8.8.8.8']],
  [['8.8.8.8', '2606:4700::1', 'fe80::1%eth0']],
  [['8.8.8.8', '::ffff:8.8.8.8']],
  [['8.8.8.8', 'not an address']],
])('of mixed answers such as %p none is given', async (answer) => {
  const { resolver } = scripted({ 'mixed.example': [answer] })
  expect(await resolver.addresses('mixed.example', PUBLIC_ONLY)).toEqual([])
})

test('a name that was public and then is not is refused as soon as its answer is a second old', async () => {
  const { resolver, clock, asked } = scripted({ 'rebinding.example': [['8.8.8.8'], ['127.0.0.1']] })
  expect(await resolver.addresses('rebinding.example', PUBLIC_ONLY)).toEqual(['8.8.8.8'])
  clock.pass(999)
  expect(await resolver.addresses('rebinding.example', PUBLIC_ONLY)).toEqual(['8.8.8.8'])
  clock.pass(1)
  expect(await resolver.addresses('rebinding.example', PUBLIC_ONLY)).toEqual([])
  expect(asked).toHaveLength(2)
})

test('a name that does not exist has no addresses, and is not asked for again within a second', async () => {
  const { resolver, asked } = scripted({})
  expect(await resolver.addresses('nowhere.example', PUBLIC_ONLY)).toEqual([])
  expect(await resolver.addresses('nowhere.example', PUBLIC_ONLY)).toEqual([])
  expect(asked).toEqual(['nowhere.example'])
})

test('look-ups of one name at the same time are one', async () => {
  const { resolver, asked } = scripted({ 'a.example': [['8.8.8.8']] })
  const answers = await Promise.all(Array.from({ length: 50 }, () => resolver.addresses('a.example', PUBLIC_ONLY)))
  expect(answers).toEqual(Array(50).fill(['8.8.8.8']))
  expect(asked).toHaveLength(1)
})

test('one answer serves rules that differ, each by its own', async () => {
  const { resolver } = scripted({ 'nas.example': [['192.168.1.7']] })
  expect(await resolver.addresses('nas.example', PUBLIC_ONLY)).toEqual([])
  expect(await resolver.addresses('nas.example', { loopback: false, private: true })).toEqual(['192.168.1.7'])
})

test.each<[string, AddressRule, readonly string[]]>([
  ['8.8.8.8', PUBLIC_ONLY, ['8.8.8.8']],
  ['10.0.0.1', PUBLIC_ONLY, []],
  ['0.0.0.0', EVERYTHING, []],
  ['[2606:4700::1]', PUBLIC_ONLY, ['2606:4700::1']],
  ['[::ffff:7f00:1]', EVERYTHING, []],
  ['127.0.0.1', PUBLIC_ONLY, []],
  ['127.0.0.1', LOOPBACK, ['127.0.0.1']],
  ['[::1]', LOOPBACK, ['::1']],
  ['localhost', PUBLIC_ONLY, []],
  ['localhost', LOOPBACK, ['127.0.0.1', '::1']],
  ['a.localhost', LOOPBACK, ['127.0.0.1', '::1']],
])('%s is never looked up, and follows the rule', async (hostname, rule, addresses) => {
  const { resolver, asked } = scripted({})
  expect(await resolver.addresses(hostname, rule)).toEqual(addresses)
  expect(asked).toEqual([])
})

test("loopback callbacks are for localhost: a stranger's name that leads there is refused, the operator's is not", async () => {
  const { resolver } = scripted({ 'evil.example': [['127.0.0.1']] })
  expect(await resolver.addresses('evil.example', LOOPBACK)).toEqual([])
  expect(await resolver.addresses('evil.example', EVERYTHING)).toEqual(['127.0.0.1'])
})

test('of names it remembers so many and no more: one more is refused until an answer is old', async () => {
  const answers = Object.fromEntries(['a', 'b', 'c'].map((name) => [`${name}.example`, [['8.8.8.8']]]))
  const { resolver, clock } = scripted(answers, 2)
  await resolver.addresses('a.example', PUBLIC_ONLY)
  await resolver.addresses('b.example', PUBLIC_ONLY)
  expect(await resolver.addresses('c.example', PUBLIC_ONLY)).toEqual([])
  expect(await resolver.addresses('a.example', PUBLIC_ONLY)).toEqual(['8.8.8.8'])
  clock.pass(1000)
  expect(await resolver.addresses('c.example', PUBLIC_ONLY)).toEqual(['8.8.8.8'])
  expect(resolver.size).toBeLessThanOrEqual(2)
})

test('a look-up that never ends keeps its place for ten seconds only', async () => {
  const clock = new ManualClock()
  let asked = 0
  const lookUp = () => (++asked === 1 ? new Promise<string[]>(() => {}) : Promise.resolve(['8.8.8.8']))
  const resolver = new Resolver({ monotonic: () => clock.monotonic(), lookUp })
  void resolver.addresses('silent.example', PUBLIC_ONLY)
  clock.pass(10_000)
  expect(await resolver.addresses('silent.example', PUBLIC_ONLY)).toEqual(['8.8.8.8'])
})

test('the resolver of the system finds nothing for a name that cannot be', async () => {
  expect(await new Resolver().addresses('nothing.invalid', PUBLIC_ONLY)).toEqual([])
})
