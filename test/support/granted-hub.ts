import { parseGrants } from '../../src/core/grants.ts'
import { keySettings, testKey } from './access.ts'
import { tokenSettings } from './authority.ts'
import { draft } from './hub.ts'
import { type ServedHubOptions, servedHub } from './served-hub.ts'

/** What most of those who ask in these tests may do. */
export const ORDERS = { publish: ['orders/**'], subscribe: ['orders/**'] }

export const reader = testKey('reader', { subscribe: ['orders/**'] })
export const writer = testKey('writer', { publish: ['orders/**'] })
export const typed = testKey('typed', { subscribe: ['orders/**'], types: ['order.*'] })
export const admin = testKey('admin', { publish: ['**'], subscribe: ['**'], admin: true })
export const grantedKeys = [reader, writer, typed, admin]
/** HS256, also from the cookie `hub_token`. */
export const grantedTokens = tokenSettings({ cookie: 'hub_token' })

/** A hub with these keys and tokens that holds events of `orders/1` and `secret/1`. `anonymous`: callers without may do `ORDERS`. */
export async function grantedHub({
  anonymous = false,
  ...more
}: { anonymous?: boolean } & Omit<ServedHubOptions, 'access'> = {}) {
  const served = await servedHub({
    ...more,
    access: keySettings(grantedKeys, {
      tokens: grantedTokens,
      ...(anonymous ? { anonymous: parseGrants(ORDERS) } : {}),
    }),
  })
  const event = (topic: string, type: string) => draft(topic, `of ${topic}`, { type })
  await served.hub.publish([
    event('orders/1', 'order.paid'),
    event('orders/1', 'note'),
    event('secret/1', 'order.paid'),
  ])
  return served
}
