import { HubError } from '../../core/errors.ts'
import { eventDataJson, eventTime, type StoredEvent } from '../../core/event.ts'
import { parseFilter } from '../../core/filter.ts'
import { isTooLarge } from '../body-bytes.ts'
import { callbackUrl } from '../outbound/callback-url.ts'
import { type AddressRule, PUBLIC_ONLY } from '../outbound/outcome.ts'
import type { Plan } from '../plan.ts'
import { webhookSecret } from '../secret/webhook-secret.ts'
import { forwardedId, messageId } from './placeholder.ts'
import { Template, type TemplateForm } from './template.ts'

/** What an operator wrote of one forward. */
export interface ForwardSettings {
  name: string
  /** Patterns, at least one. */
  topics: readonly string[]
  /** None: every type. */
  types: readonly string[]
  url: string
  /** Names in small letters. */
  headers: Readonly<Record<string, string>>
  /** A template; `undefined`: the event as another hub takes it at `POST /events`. */
  body: string | undefined
  /** `whsec_…` */
  secret: string | undefined
  bearer: string | undefined
  private: boolean
  /** Attempts under way at most. */
  atOnce: number
}

/** Of `private = true`: the operator wrote the URL, so this machine is as good as the own network. */
const VOUCHED_FOR: AddressRule = { loopback: true, private: true }
/** Whose all of them are: the operator's. */
const OWNER = 'config'

const CONTENT_TYPES: Readonly<Record<TemplateForm, string>> = {
  json: 'application/json',
  form: 'application/x-www-form-urlencoded',
  text: 'text/plain; charset=utf-8',
}

/** @throws HubError `invalid-config`, with the name of the setting that is refused as `pointer`: `/url` */
export function forwardPlan(settings: ForwardSettings): Plan {
  const rule = settings.private ? VOUCHED_FOR : PUBLIC_ONLY
  const url = checked('/url', () => forwardUrl(settings.url, rule))
  const { body, secret, bearer } = settings
  const template =
    body === undefined ? undefined : checked('/body', () => new Template(body, settings.headers['content-type']))
  const keys = secret === undefined ? [] : [checked('/secret', () => webhookSecret(secret, '/secret'))]
  const filter = checked('/topic', () => parseFilter(settings.topics, settings.types))
  const headers = {
    'content-type': CONTENT_TYPES[template?.form ?? 'json'],
    ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
    ...settings.headers,
  }
  return {
    id: `forward:${settings.name}`,
    kind: 'forward',
    owner: OWNER,
    url,
    rule,
    filter,
    atOnce: settings.atOnce,
    message(event) {
      const text = template ? template.fill(event) : eventForHub(event)
      return isTooLarge(text) ? 'too-large' : { id: messageId(event), body: text, headers }
    },
    keys: () => keys,
  }
}

/** Every field of it is one that `POST /events` takes; the id lets a hub that has it already see so. */
function eventForHub(event: StoredEvent): string {
  const { topic, type } = event
  const fields = { id: forwardedId(event), topic, type, time: eventTime(event) }
  return `${JSON.stringify(fields).slice(0, -1)},"data":${eventDataJson(event)}}`
}

/** The rule for strangers' callbacks, and for what the operator vouches for a wider one. */
function forwardUrl(text: string, rule: AddressRule): URL {
  const url = urlOrRefusal(text, rule)
  if (url instanceof URL) return url
  const sentence =
    urlOrRefusal(text, VOUCHED_FOR) instanceof URL
      ? 'It is not https to a public name; write such a URL, or private = true.'
      : url.message.replaceAll('callback', 'forward')
  throw new HubError('invalid-config', sentence, { cause: url })
}

function urlOrRefusal(text: string, rule: AddressRule): URL | HubError {
  try {
    return callbackUrl(text, rule, '/url')
  } catch (error) {
    if (error instanceof HubError) return error
    throw error
  }
}

function checked<T>(pointer: string, make: () => T): T {
  try {
    return make()
  } catch (cause) {
    if (!(cause instanceof HubError)) throw cause
    throw new HubError('invalid-config', cause.message, { pointer, cause })
  }
}
