import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type CatalogueHub, catalogueHub, principalWith } from '../support/catalogue-hub.ts'
import { settled } from '../support/settled.ts'

let served: CatalogueHub
beforeAll(async () => {
  served = await catalogueHub()
})
afterAll(() => served.close())

test.each([
  [
    'whoever may read something',
    { subscribe: ['orders/**'] },
    ['events://topics/{+topic}', 'events://events/{cursor}'],
  ],
  ['whoever may only publish', { publish: ['**'] }, []],
])('resource templates are listed to %s: %j', async (_, grants, templates) => {
  const client = await served.client(principalWith('a', grants))
  const listed = (await client.listResourceTemplates()).resourceTemplates.map(({ uriTemplate }) => uriTemplate)
  expect(listed).toEqual(templates)
})

test('a resource template that is not listed completes nothing: there is none', async () => {
  const client = await served.client(principalWith('a', { publish: ['**'] }))
  const ref = { type: 'ref/resource' as const, uri: 'events://topics/{+topic}' }
  const asked = client.complete({ ref, argument: { name: 'topic', value: '' } })
  expect(await settled(asked)).toThrow('There is no resource template "events://topics/{+topic}".')
})
