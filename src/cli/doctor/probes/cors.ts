import { plain } from '../../display.ts'
import { ADVICE } from '../advice.ts'
import { type Examination, type Finding, fail, ok, type Probe } from '../probe.ts'
import { mayReadTopic } from '../rights.ts'
import type { Answer } from '../way.ts'

const ALLOW = 'access-control-allow-origin'
/** What pages send, and EventSource clients that can. */
const ASKED = ['authorization', 'last-event-id', 'mcp-session-id', 'mcp-protocol-version']
const EXPOSED = 'mcp-session-id'

/** What a browser would make of the answers to a page of another origin: the preflight and the request itself. */
export const cors: Probe = {
  name: 'cors',
  needs: ['hub'],
  async run(examination) {
    const { way, origin } = examination
    const path = pathFor(examination)
    const preflight = await way.ask(path, {
      method: 'OPTIONS',
      credential: 'none',
      headers: {
        origin,
        'access-control-request-method': 'GET',
        'access-control-request-headers': ASKED.join(', '),
      },
    })
    const real = await way.ask(path, { headers: { origin } })
    return unanswered(preflight, examination) ?? disagreeing(preflight, real, examination)
  },
}

/** A request that the caller may make, so that its answer says how pages fare and not how the caller does. */
function pathFor(examination: Examination): string {
  if (isKnown(examination) && mayReadTopic(examination)) return `/events/${examination.events.path}?format=json&limit=1`
  return isKnown(examination) ? '/whoami' : '/livez'
}

/** Whom everyone is taken for is refused as a page, whatever the way does: what is open to all is so for no page but the hub's. */
function isKnown({ way, known }: Examination): boolean {
  return known.caller !== undefined && (way.hasKey || known.caller.mode === 'open')
}

/** The preflight did not come from the hub, or is not one that a browser takes. */
function unanswered(preflight: Answer, { origin, originNamed }: Examination): Finding | undefined {
  const { status, code, headers } = preflight
  if (code) {
    const saw = `The hub lets no page of ${origin} in [${code}], by its own rule.`
    return originNamed ? fail(saw, { general: `CORS_ORIGIN=${origin}`, more: 'docs/security.md#origins' }) : undefined
  }
  if (status < 200 || status > 299) {
    return fail(`A preflight (OPTIONS) was answered with ${status}, and not by the hub.`, ADVICE.preflight)
  }
  const allowed = headers.get(ALLOW)
  if (allowed === null) {
    return fail(
      'A preflight (OPTIONS) was answered without Access-Control-Allow-Origin, so not by the hub.',
      ADVICE.preflight,
    )
  }
  const granted = (headers.get('access-control-allow-headers') ?? '').toLowerCase()
  const missing = granted.trim() === '*' ? [] : ASKED.filter((name) => !granted.includes(name))
  if (missing.length > 0) {
    return fail(
      `A preflight allows no ${missing.join(', ')}: the proxy answers with a list of its own.`,
      ADVICE.preflight,
    )
  }
  return undefined
}

function disagreeing(preflight: Answer, real: Answer, { origin }: Examination): Finding {
  for (const [what, answer] of [
    ['preflight', preflight],
    ['answer', real],
  ] as const) {
    const allowed = answer.headers.get(ALLOW)
    if (allowed?.includes(',')) {
      return fail(
        `The ${what} has Access-Control-Allow-Origin more than once (${plain(allowed)}): browsers refuse that.`,
        ADVICE.cors,
      )
    }
  }
  const green = preflight.status < 300
  const allowed = real.headers.get(ALLOW)
  if (green && (real.status === 403 || allowed === null)) {
    const but = real.status === 403 ? 'refused with 403' : 'answered without Access-Control-Allow-Origin'
    return fail(`A preflight says yes, but the request itself is ${but}.`, ADVICE.cors)
  }
  if (!green) {
    if (allowed !== null && real.status === 403 && real.code === 'origin-not-allowed') {
      return fail(`The proxy says that pages of ${origin} may read, and the hub refuses them.`, ADVICE.cors)
    }
    return ok(`Pages of ${origin} are refused by the hub itself; --origin <yours> looks at another one.`)
  }
  if (allowed !== '*' && allowed !== origin) {
    return fail(`Access-Control-Allow-Origin is ${plain(String(allowed))}, which is not ${origin}.`, ADVICE.cors)
  }
  const exposed = (real.headers.get('access-control-expose-headers') ?? '').toLowerCase()
  if (!exposed.includes(EXPOSED)) {
    return fail(
      'Access-Control-Expose-Headers comes without Mcp-Session-Id: the proxy has a list of its own.',
      ADVICE.cors,
    )
  }
  return ok(`Pages of ${origin} may read with a key or a ticket; preflight and answer agree.`)
}
