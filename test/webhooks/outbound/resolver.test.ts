import { expect, test } from 'bun:test'
import { type AddressRule, PUBLIC_ONLY } from '../../../src/webhooks/outbound/outcome.ts'
import { Resolver, type ResolverOptions } from '../../../src/webhooks/outbound/resolver.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const LOOPBACK = { loopback: true, private: false }
const EVERYTHING = { loopback: true, private: true }

function scripted(answers: Record<string, readonly (readonly string[])[]>) {
  const clock = new ManualClock()
  const asked: string[] = []
  const resolver = new Resolver({
    monotonic: () => clock.monotonic(),
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

/** Names of `held` are answered when they are told to be. */
function holding(options: Pick<ResolverOptions, 'answers' | 'atOnce' | 'inLine' | 'lookUpMs'>, ...held: string[]) {
  const asked: string[] = []
  const release = new Map<string, () => void>()
  const lookUp = (name: string) => {
    asked.push(name)
    if (!held.includes(name)) return Promise.resolve(['8.8.8.8'])
    return new Promise<string[]>((resolve) => release.set(name, () => resolve(['8.8.8.8'])))
  }
  const resolver = new Resolver({ lookUp, monotonic: () => 0, ...options })
  return { resolver, asked, release, ask: (name: string) => resolver.addresses(name, PUBLIC_ONLY) }
}

test('1,500 names within a second are all found, and 1,000 of them remembered', async () => {
  const { resolver, ask } = holding({})
  for (let index = 0; index < 1500; index++) expect(await ask(`h${index}.example`)).toEqual(['8.8.8.8'])
  expect(resolver.size).toBe(1000)
})

test('of answers it remembers so many and no more: the oldest is asked for again', async () => {
  const { resolver, asked, ask } = holding({ answers: 2 })
  for (const name of ['a.example', 'b.example', 'c.example', 'b.example', 'a.example']) await ask(name)
  expect(asked).toEqual(['a.example', 'b.example', 'c.example', 'a.example'])
  expect(resolver.size).toBe(2)
})

test('when so many look-ups are under way, one more name waits for its turn and is found', async () => {
  const { asked, release, ask } = holding({ atOnce: 2 }, 'a.example', 'b.example')
  const hanging = [ask('a.example'), ask('b.example')]
  const good = ask('c.example')
  const again = ask('c.example')
  await Bun.sleep(0)
  expect(asked).toEqual(['a.example', 'b.example'])
  release.get('b.example')!()
  expect(await Promise.all([good, again])).toEqual([['8.8.8.8'], ['8.8.8.8']])
  release.get('a.example')!()
  await Promise.all(hanging)
  expect(asked).toEqual(['a.example', 'b.example', 'c.example'])
})

test('when the line is full as well, one more name has no addresses, and one that is known or asked for has', async () => {
  const { resolver, release, ask } = holding({ atOnce: 1, inLine: 1 }, 'a.example')
  await ask('known.example')
  const first = ask('a.example')
  const second = ask('b.example')
  expect(await ask('c.example')).toEqual([])
  expect(await ask('known.example')).toEqual(['8.8.8.8'])
  expect(resolver.size).toBe(3)
  const other = ask('b.example')
  release.get('a.example')!()
  for (const each of [first, second, other]) expect(await each).toEqual(['8.8.8.8'])
  expect(await ask('c.example')).toEqual(['8.8.8.8'])
})

test('a look-up that never ends keeps its place for so long only, and its name has no addresses', async () => {
  const { ask } = holding({ atOnce: 1, lookUpMs: 20 }, 'silent.example')
  const silent = ask('silent.example')
  expect(await ask('good.example')).toEqual(['8.8.8.8'])
  expect(await silent).toEqual([])
})

test('a resolver that throws at once leaves its place too', async () => {
  const lookUp = (name: string): Promise<string[]> => {
    if (name === 'bad.example') throw new Error('no')
    return Promise.resolve(['8.8.8.8'])
  }
  const resolver = new Resolver({ lookUp, atOnce: 1 })
  expect(await resolver.addresses('bad.example', PUBLIC_ONLY)).toEqual([])
  expect(await resolver.addresses('good.example', PUBLIC_ONLY)).toEqual(['8.8.8.8'])
})

test('the resolver of the system finds nothing for a name that cannot be', async () => {
  expect(await new Resolver().addresses('nothing.invalid', PUBLIC_ONLY)).toEqual([])
})
