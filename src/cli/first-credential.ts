import { type AuthConfig, type Config, hasCredentials } from '../config/config.ts'

const KEY_FOR_ALL = "mcp-sse key new me --publish '**' --subscribe '**' --save"

/** What a hub that was open does with `auth`, which has credentials: completes "from now on …". */
export function nobodyWithoutCredential(auth: AuthConfig): string {
  const { publish, subscribe } = auth.anonymous
  const but = publish.length + subscribe.length > 0 ? ', but for what auth.anonymous allows' : ''
  const silent = mayPublish(auth) ? '' : `, and no key may publish: make one with \`${KEY_FOR_ALL}\` and reload`
  return `nobody gets in without a ${issuesTokens(auth) ? 'key or a token' : 'key'}${but}${silent}.`
}

/** What to say of the key `name` of `config`; `undefined`: it is not the only credential. */
export function firstCredential({ auth }: Config, name: string): string | undefined {
  const others = { ...auth, keys: auth.keys.filter((key) => key.name !== name) }
  if (hasCredentials(others) || others.keys.length === auth.keys.length) return undefined
  // It may have others by its environment, which is not ours.
  return `it is the first key of this configuration. If the hub was open, from its reload on ${nobodyWithoutCredential(auth)}`
}

function mayPublish(auth: AuthConfig): boolean {
  const { key, keys, makeKey, anonymous } = auth
  const some = keys.some(({ publish }) => publish.length > 0)
  return some || key !== undefined || makeKey || issuesTokens(auth) || anonymous.publish.length > 0
}

function issuesTokens({ jwt }: AuthConfig): boolean {
  return jwt.secrets.length > 0 || jwt.jwks !== undefined
}
