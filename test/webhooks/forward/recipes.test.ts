import { expect, test } from 'bun:test'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { forwardsOf } from '../../../src/cli/serve/forwards.ts'
import { type LoadedConfig, loadConfig } from '../../../src/config/load.ts'
import { draftFromBody } from '../../../src/core/draft.ts'
import type { StoredEvent } from '../../../src/core/event.ts'
import { testKey } from '../../support/access.ts'
import { forwarded } from '../../support/forwarded.ts'
import { httpRecipes } from '../../support/http-recipes.ts'
import { secret } from '../../support/secrets.ts'
import { servedHub } from '../../support/served-hub.ts'
import { tempDir } from '../../support/temp-dir.ts'

const markdown = readFileSync(resolve(import.meta.dir, '../../../docs/forwards.md'), 'utf8')
const recipes = httpRecipes(markdown)

/** The configuration of a recipe, with `origin` where its URL has the receiver's. */
function loaded(toml: string, origin: string, token: string): LoadedConfig {
  using dir = tempDir()
  const here = `${toml.replace(/^url = "https:\/\/[^/]+/m, `url = "${origin}`)}\nprivate = true\n`
  const file = /^bearer_file = "(.*)"/m.exec(toml)?.[1]
  for (const [name, text] of Object.entries({ 'mcp-sse.toml': here, ...(file && { [file]: token }) })) {
    writeFileSync(join(dir.path, name), text)
    chmodSync(join(dir.path, name), 0o600)
  }
  return loadConfig({ mode: 'source', cwd: dir.path, env: { HOME: dir.path }, descriptors: 1000 })
}

/** What the command of the document publishes. */
function publishedEvent(): StoredEvent {
  const [, body, topic, type] = /curl -d '(.*)' 'localhost:3000\/events\/(.*)\?type=(.*)'/.exec(markdown)!
  const draft = draftFromBody({ topic: topic!, type: type!, id: null, time: null, body: body! })
  return { ...draft, epoch: 'k3f9a2b7', offset: 1042, received: Date.parse('2026-11-22T12:00:00.000Z') }
}

test('the document has the recipes that are tried here, and its first example would start', () => {
  expect(recipes.map(({ title }) => title.split(/[:,]/)[0])).toEqual([
    'A chat',
    'ntfy',
    'An automation service',
    'Another hub',
  ])
  const [, first] = /^```toml\n(.*?)^```/ms.exec(markdown)!
  using dir = tempDir()
  writeFileSync(join(dir.path, 'mcp-sse.toml'), first!)
  const config = loadConfig({ mode: 'source', cwd: dir.path, env: { HOME: dir.path }, descriptors: 1000 })
  expect(forwardsOf(config).map(({ plan }) => plan.id)).toEqual(['forward:everything-elsewhere'])
})

test.each(recipes.map((recipe) => [recipe.title, recipe] as const))(
  '%s receives what is written there',
  async (_, recipe) => {
    const received: { path: string; headers: Headers; body: string }[] = []
    const receiver = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      async fetch(request) {
        const { pathname } = new URL(request.url)
        received.push({ path: `${request.method} ${pathname}`, headers: request.headers, body: await request.text() })
        return new Response('ok')
      },
    })
    try {
      const token = secret()
      const [forward] = forwardsOf(loaded(recipe.toml, receiver.url.origin, token))
      expect(await forwarded(forward!.plan, publishedEvent())).toBe(200)
      expect(received).toHaveLength(1)
      const [{ path, headers, body }] = received as [(typeof received)[0]]
      expect([path, body]).toEqual([`POST ${recipe.path}`, recipe.body])
      for (const [name, value] of Object.entries(recipe.headers)) {
        expect([name, headers.get(name)]).toEqual([name, name === 'authorization' ? `Bearer ${token}` : value])
      }
      expect(headers.get('webhook-id')).toBe('k3f9a2b7-1042')
    } finally {
      await receiver.stop(true)
    }
  },
)

test('another hub takes it with a key that may only publish, and stores it once', async () => {
  const recipe = recipes.find(({ title }) => title === 'Another hub')!
  const key = testKey('from-berlin', { publish: ['backups/**'] })
  const hub = await servedHub({ access: { keys: [key.settings] } })
  try {
    const [forward] = forwardsOf(loaded(recipe.toml, hub.url, key.text))
    const event = publishedEvent()
    expect([await forwarded(forward!.plan, event), await forwarded(forward!.plan, event)]).toEqual([201, 200])
    expect((await hub.stored()).map(({ topic, id, data }) => [topic, id, data])).toEqual([
      ['backups/db1', 'k3f9a2b7-1042', event.data],
    ])
  } finally {
    await hub.close()
  }
})
