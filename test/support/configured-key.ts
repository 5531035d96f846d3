import { keyBlock } from '../../src/config/key-blocks.ts'
import { type TestKey, testKey } from './access.ts'
import { registerSecret } from './secrets.ts'

/** A key for an executable's configuration; its text is searched for from now on. */
export function configuredKey(...settings: Parameters<typeof testKey>): TestKey {
  const key = testKey(...settings)
  registerSecret(key.text, `the key ${key.settings.name}`)
  return key
}

/** The same key with other grants, as somebody who edits the file makes it. */
export function regranted({ text, settings }: TestKey, grants: Parameters<typeof testKey>[1]): TestKey {
  return { text, settings: { ...testKey(settings.name, grants).settings, sha256: settings.sha256 } }
}

/** What is in `mcp-sse.toml`. */
export function keysFile(...keys: TestKey[]): string {
  return keys.map((key) => keyBlock(tableOf(key))).join('\n')
}

/** What is in `MCP_SSE_AUTH_KEYS`. */
export function keysVariable(...keys: TestKey[]): string {
  return JSON.stringify(keys.map((key) => tableOf(key)))
}

function tableOf({ settings: { name, sha256, grants, expires } }: TestKey) {
  const [publish, subscribe] = [grants.publish, grants.subscribe].map((patterns) => patterns.map(({ text }) => text))
  return {
    name,
    sha256,
    publish: publish!,
    subscribe: subscribe!,
    admin: grants.admin,
    metrics: grants.metrics === true,
    expires,
  }
}
