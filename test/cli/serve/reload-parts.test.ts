import { expect, test } from 'bun:test'
import { applying, type ReloadPart } from '../../../src/cli/serve/reload-parts.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { HubError } from '../../../src/core/errors.ts'
import { rejection } from '../../support/settled.ts'

const next = loadConfig({ mode: 'source', cwd: '/', env: { HOME: '/nonexistent' }, descriptors: 1000 })

/** Parts that write down what becomes of them. */
function parts(...each: ('takes' | 'refuses' | 'fails later')[]) {
  const order: string[] = []
  const reports: unknown[] = []
  const made = each.map(
    (what, index): ReloadPart => ({
      async prepare() {
        order.push(`prepare ${index}`)
        if (what === 'refuses') throw new HubError('invalid-config', 'Not this.')
        return async () => {
          order.push(`count ${index}`)
          await Promise.resolve()
          if (what === 'fails later') throw new Error('later')
          order.push(`rest ${index}`)
          return index === 1 ? 'one more thing' : undefined
        }
      },
    }),
  )
  return { order, reports, apply: applying(made, (error) => reports.push(error)) }
}

test('no part counts when one of them refuses what was read, the last one too', async () => {
  const { order, apply } = parts('takes', 'takes', 'refuses')
  expect(await rejection(Promise.resolve(apply(next, false)))).toMatchObject({ code: 'invalid-config' })
  expect(order).toEqual(['prepare 0', 'prepare 1', 'prepare 2'])
})

test('all of them count in one turn, before the rest of the work of any', async () => {
  const { order, apply } = parts('takes', 'takes')
  expect(await apply(next, false)).toEqual(['one more thing'])
  expect(order).toEqual(['prepare 0', 'prepare 1', 'count 0', 'count 1', 'rest 0', 'rest 1'])
})

test('what goes wrong in the rest of the work is reported, and takes nothing back', async () => {
  const { order, reports, apply } = parts('fails later', 'takes')
  await apply(next, false)
  expect(order.slice(2)).toEqual(['count 0', 'count 1', 'rest 1'])
  expect(reports).toMatchObject([{ message: 'later' }])
})
