import { randomBytes } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { HubError } from '../core/errors.ts'
import { putFile } from './whole-file.ts'

export const TICKET_KEY_FILE = 'ticket.key'
const KEY_BYTES = 32

/** For a hub that keeps nothing: its tickets end with the process. */
export function temporaryTicketKey(): Uint8Array {
  return randomBytes(KEY_BYTES)
}

/**
 * The key that signs tickets, 32 random bytes in `directory`, so that tickets survive a restart; made on the first start.
 * Only for who holds the lock of the directory.
 * @throws HubError `invalid-config` when the file is not such a key, `log-unwritable` when it cannot be read or made
 */
export function ticketKey(directory: string, warn: (sentence: string) => void): Uint8Array {
  const path = join(directory, TICKET_KEY_FILE)
  const kept = readTicketKey(directory)
  if (!kept) return makeKey(path)
  if (process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0) {
    warn(
      `${path} can be read by others, who could make tickets with it: chmod 600 ${path}, or remove it for a new one.`,
    )
  }
  return kept
}

/** The key if there is one. @throws as `ticketKey` */
export function readTicketKey(directory: string): Uint8Array | undefined {
  const path = join(directory, TICKET_KEY_FILE)
  let bytes: Uint8Array
  try {
    bytes = readFileSync(path)
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
    throw unusable(path, 'read', cause)
  }
  if (bytes.length === KEY_BYTES) return bytes
  throw new HubError(
    'invalid-config',
    `${path} is not the key of tickets: it has ${bytes.length} bytes and not ${KEY_BYTES}. Remove it for a new one; tickets made so far end then.`,
  )
}

function makeKey(path: string): Uint8Array {
  const key = randomBytes(KEY_BYTES)
  try {
    putFile(path, key, 0o600)
    return key
  } catch (cause) {
    throw unusable(path, 'written', cause)
  }
}

function unusable(path: string, done: 'read' | 'written', cause: unknown): HubError {
  const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
  return new HubError(
    'log-unwritable',
    `The key of tickets, ${path}, cannot be ${done} (${reason}); give it to the user of the hub, or set DATA_DIR.`,
    { cause },
  )
}
