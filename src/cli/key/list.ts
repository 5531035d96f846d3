import { FIRST_KEY } from '../../config/config.ts'
import { readFirstKey } from '../../daemon/first-key.ts'
import { loadFromFlags } from '../config-flags.ts'
import { DONE } from '../exit.ts'
import { grantsLine } from '../grant-flags.ts'
import { NEW_KEY } from '../last-credential.ts'
import type { Configure } from '../verb.ts'

interface ListedKey {
  name: string
  publish: readonly string[]
  subscribe: readonly string[]
  admin: boolean
  metrics: boolean
  /** RFC 3339. */
  expires: string | null
  expired: boolean
}

const EVERYTHING = { publish: ['**'], subscribe: ['**'], admin: true, metrics: false }

export const configureKeyList: Configure = (command, io, finish) => {
  command
    .option('--env-file <file>', 'read variables from this file where the environment has none')
    .option('--json', 'one key a line as JSON')
  command.action(async (options: { json?: true }) => {
    const { auth, dataDir } = loadFromFlags(command, io).config
    const now = Date.now()
    const keys: ListedKey[] = auth.keys.map(({ name, publish, subscribe, admin, metrics, expires }) => ({
      name,
      publish,
      subscribe,
      admin,
      metrics,
      expires: expires === undefined ? null : new Date(expires).toISOString(),
      expired: expires !== undefined && expires <= now,
    }))
    if (auth.key !== undefined) keys.unshift({ name: 'auth.key', ...EVERYTHING, expires: null, expired: false })
    if (auth.makeKey && readFirstKey(dataDir) !== undefined) {
      keys.unshift({ name: FIRST_KEY, ...EVERYTHING, expires: null, expired: false })
    }
    const width = Math.max(0, ...keys.map((key) => key.name.length))
    const lines = keys.map((key) => (options.json ? JSON.stringify(key) : line(key, width)))
    if (lines.length > 0) await io.stdout.write(`${lines.join('\n')}\n`)
    else await io.stderr.write(`mcp-sse: there are no keys.\nTry: ${NEW_KEY}\n`)
    finish(DONE)
  })
}

function line(key: ListedKey, width: number): string {
  const end = key.expires === null ? '' : `  ${key.expired ? 'expired' : 'until'} ${key.expires}`
  return `${key.name.padEnd(width)}  ${grantsLine(key)}${end}`
}
