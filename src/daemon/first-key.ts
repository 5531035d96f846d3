import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { HubError } from '../core/errors.ts'
import { putFile } from './whole-file.ts'

export const FIRST_KEY_FILE = 'first-key.sha256'

/**
 * What proves the key that a hub without credentials made for itself: 64 lower case hexadecimal digits, `undefined` when
 * it has made none. @throws HubError `invalid-config` when the file is something else, `log-unwritable` when it cannot be read
 */
export function readFirstKey(directory: string): string | undefined {
  const path = join(directory, FIRST_KEY_FILE)
  let text: string
  try {
    text = readFileSync(path, 'latin1').trim()
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
    throw unusable(path, 'read', cause)
  }
  if (/^[0-9a-f]{64}$/.test(text)) return text
  throw new HubError('invalid-config', `${path} is not the SHA-256 of a key. End it with: mcp-sse key revoke first-key`)
}

/** Only for who holds the lock of the directory. @throws HubError `log-unwritable` */
export function writeFirstKey(directory: string, sha256: string): void {
  const path = join(directory, FIRST_KEY_FILE)
  try {
    putFile(path, `${sha256}\n`, 0o600)
  } catch (cause) {
    throw unusable(path, 'written', cause)
  }
}

/** Whether there was one. @throws HubError `log-unwritable` */
export function removeFirstKey(directory: string): boolean {
  const path = join(directory, FIRST_KEY_FILE)
  try {
    rmSync(path)
    return true
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return false
    throw unusable(path, 'removed', cause)
  }
}

function unusable(path: string, done: 'read' | 'written' | 'removed', cause: unknown): HubError {
  const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
  return new HubError(
    'log-unwritable',
    `What proves the first key, ${path}, cannot be ${done} (${reason}); give it to the user of the hub, or set MCP_SSE_AUTH_KEY.`,
    { cause },
  )
}
