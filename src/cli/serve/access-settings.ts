import type { AccessSettings } from '../../auth/settings.ts'
import { type Config, FIRST_KEY, hasCredentials, needsFirstKey } from '../../config/config.ts'
import type { LoadedConfig } from '../../config/load.ts'
import { HubError } from '../../core/errors.ts'
import { ALL_GRANTS, parseGrants } from '../../core/grants.ts'

export interface AccessCircumstances {
  /** Without credentials nobody gets in. */
  closed?: boolean
  /** SHA-256 of the key that the hub made for itself. */
  firstKey?: string | undefined
}

/**
 * What the configuration says about who may do what.
 * @param ticketSecret 32 bytes
 */
export function accessSettings(
  config: Config,
  ticketSecret: Uint8Array,
  { closed: shut = false, firstKey }: AccessCircumstances = {},
): AccessSettings {
  const { auth } = config
  // A key that is still to be made must not leave the hub open until then.
  const closed = shut || (needsFirstKey(auth) && firstKey === undefined)
  const { secrets, jwks, issuer, audience, claim, cookie } = auth.jwt
  return {
    open: auth.open && !closed,
    closed,
    publicUrl: config.publicUrl,
    tls: config.tls !== undefined,
    allowedHosts: config.allowedHosts,
    corsOrigins: config.corsOrigins,
    trustedProxies: config.limits.trustedProxies,
    key: auth.key,
    keys: [
      ...auth.keys.map(({ name, sha256, expires, ...grants }) => ({
        name,
        sha256,
        expires,
        grants: parseGrants({ ...grants, publish: [...grants.publish], subscribe: [...grants.subscribe] }),
      })),
      ...(firstKey === undefined
        ? []
        : [{ name: FIRST_KEY, sha256: firstKey, expires: undefined, grants: ALL_GRANTS }]),
    ],
    tokens: secrets.length > 0 || jwks ? { secrets, jwks, issuer, audience, claim, cookie } : undefined,
    anonymous: parseGrants({ publish: [...auth.anonymous.publish], subscribe: [...auth.anonymous.subscribe] }),
    ticketSecret,
  }
}

/** Who may come in, as the welcome and the log say it. */
export function accessMode({ auth }: Config): 'open' | 'open to all' | 'credentials' {
  if (hasCredentials(auth)) return 'credentials'
  return auth.open ? 'open to all' : 'open'
}

/** What `make` refuses of a setting, under the name of the variable, line or flag that says it. @throws what `make` throws */
export function namingSource<T>({ entries }: Pick<LoadedConfig, 'entries'>, make: () => T): T {
  try {
    return make()
  } catch (error) {
    if (!(error instanceof HubError)) throw error
    const name = error.pointer?.slice(1).replaceAll('/', '.')
    const origin = entries.find(({ key }) => key.name === name)?.origin
    throw origin === undefined ? error : error.under('', (message) => `${origin}: ${message}`)
  }
}
