import { newApiKey } from '../../src/auth/api-keys.ts'
import type { AccessSettings, ApiKeySettings } from '../../src/auth/settings.ts'
import { type GrantsDocument, NO_GRANTS } from '../../src/core/grants.ts'
import { keyNamed, TICKET_SECRET } from './authority.ts'
import { registerSecret } from './secrets.ts'

/** No key and no token issuer: everyone on this machine may do everything. */
export const openSettings: AccessSettings = {
  open: false,
  publicUrl: undefined,
  allowedHosts: [],
  corsOrigins: undefined,
  trustedProxies: ['127.0.0.0/8', '::1/128'],
  key: undefined,
  keys: [],
  tokens: undefined,
  anonymous: NO_GRANTS,
  ticketSecret: TICKET_SECRET,
}

/** A key as its client has it, and as the configuration does. */
export interface TestKey {
  text: string
  settings: ApiKeySettings
}

export function testKey(name: string, grants: Partial<GrantsDocument>, expires?: number): TestKey {
  const { key } = newApiKey()
  registerSecret(key, `the key ${name}`)
  return { text: key, settings: keyNamed(name, key, grants, expires) }
}

/** Credentials mode with these keys. */
export function keySettings(keys: readonly TestKey[], more: Partial<AccessSettings> = {}): AccessSettings {
  return { ...openSettings, keys: keys.map(({ settings }) => settings), ...more }
}

export function bearer(text: string): { authorization: string } {
  return { authorization: `Bearer ${text}` }
}
