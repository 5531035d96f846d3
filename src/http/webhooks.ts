import type { Access, Visitor } from '../auth/access.ts'
import { HubError } from '../core/errors.ts'
import { requireAdmin } from '../core/grants.ts'
import type { OutletAdmin, OutletState, OutletSummary } from '../webhooks/summary.ts'
import type { Answers, Asking } from './answers.ts'
import { readBody } from './body.ts'
import type { ByteRoom } from './byte-room.ts'
import type { Gate } from './gate.ts'
import { jsonAnswer } from './json-answer.ts'
import { mediaTypeOf } from './media-type.ts'
import { pageById, placeOf } from './page-place.ts'
import { count, parametersOf, single } from './parameters.ts'
import { parseRedelivery, redeliveryLimit } from './redelivery.ts'
import { visited } from './visitor.ts'

export const OUTLETS_LIMIT = 100
export const MAX_OUTLETS_LIMIT = 1000
export const OUTLET_KINDS = ['webhook', 'forward'] as const satisfies readonly OutletSummary['kind'][]
export const OUTLET_STATES = ['active', 'suspended', 'disabled'] as const satisfies readonly OutletState[]

export interface WebhookRouteOptions {
  webhooks: () => OutletAdmin | Promise<OutletAdmin>
  gate: Gate
  access: Pick<Access, 'pageTokens'>
  answers: Answers
  bodies: ByteRoom
  /** For a body to be complete, milliseconds. */
  bodyTimeoutMs: number
}

/**
 * What the hub sends to by itself, for those with the grant admin: `GET /webhooks` lists webhook subscriptions and forwards,
 * `GET /webhooks/{id}` shows one, `POST /webhooks/{id}/disable`, `/enable` and `/redeliver` answer with it as it then is.
 */
export function webhooks(options: WebhookRouteOptions) {
  const routes = new WebhookRoutes(options)
  return visited('http/webhooks')
    .get('/webhooks', ({ request, set, visitor }) =>
      routes.list({ request, set, principal: visitor.principal }, visitor),
    )
    .get('/webhooks/:id', ({ request, visitor, params }) => routes.answer(request, visitor, params.id))
    .post(
      '/webhooks/:id/disable',
      ({ request, visitor, params }) => routes.answer(request, visitor, params.id, (admin, id) => admin.disable(id)),
      { parse: 'none' },
    )
    .post(
      '/webhooks/:id/enable',
      ({ request, visitor, params }) => routes.answer(request, visitor, params.id, (admin, id) => admin.enable(id)),
      { parse: 'none' },
    )
    .post('/webhooks/:id/redeliver', ({ request, visitor, params }) => routes.redeliver(request, visitor, params.id), {
      parse: 'none',
    })
}

type Act = (admin: OutletAdmin, id: string) => Promise<void>

class WebhookRoutes {
  readonly #options: WebhookRouteOptions

  constructor(options: WebhookRouteOptions) {
    this.#options = options
  }

  async list(asking: Asking, visitor: Visitor): Promise<Response> {
    requireAdmin(visitor.principal.grants)
    const parameters = parametersOf(asking.request, ['kind', 'state', 'limit', 'page'])
    const kind = oneOf(OUTLET_KINDS, parameters, 'kind')
    const state = oneOf(OUTLET_STATES, parameters, 'state')
    const limit = count(parameters, 'limit', OUTLETS_LIMIT, MAX_OUTLETS_LIMIT)
    const { access } = this.#options
    const after = placeOf(single(parameters, 'page'), access)
    const admin = await this.#admin(asking.request, visitor)
    return this.#options.answers.answer(asking, async () => {
      const wanted = admin
        .list()
        .filter((outlet) => (kind ?? outlet.kind) === outlet.kind && (state ?? outlet.state) === outlet.state)
      const { listed, ...next } = pageById(wanted, { after, limit, access })
      return JSON.stringify({ webhooks: listed, ...next })
    })
  }

  async answer(request: Request, visitor: Visitor, id: string, act?: Act): Promise<Response> {
    requireAdmin(visitor.principal.grants)
    parametersOf(request, [])
    const admin = await this.#admin(request, visitor)
    try {
      if (act) await act(admin, id)
      return jsonAnswer(JSON.stringify(admin.show(id)))
    } catch (error) {
      if (!(error instanceof HubError) || error.code !== 'not-found') throw error
      const sentence = 'There is no webhook and no forward of this id; GET /webhooks lists those that are.'
      throw new HubError('not-found', sentence, { cause: error })
    }
  }

  async redeliver(request: Request, visitor: Visitor, id: string): Promise<Response> {
    // Before a byte of the body is waited for.
    requireAdmin(visitor.principal.grants)
    const { bodies, bodyTimeoutMs } = this.#options
    const reading = { limit: redeliveryLimit, media: mediaTypeOf(request), timeoutMs: bodyTimeoutMs }
    const body = await readBody(request, { ...reading, holding: bodies.holding(visitor.principal) })
    body.release()
    const what = parseRedelivery(body.text)
    return this.answer(request, visitor, id, (admin) => admin.redeliver(id, what))
  }

  /** What a reload has taken away while it was loaded, or while a body came, counts. */
  async #admin(request: Request, visitor: Visitor): Promise<OutletAdmin> {
    const admin = await this.#options.webhooks()
    const { principal } = await this.#options.gate.again(request, visitor)
    requireAdmin(principal.grants)
    return admin
  }
}

/** @throws HubError `invalid-query` */
function oneOf<Value extends string>(
  values: readonly Value[],
  parameters: URLSearchParams,
  name: string,
): Value | undefined {
  const text = single(parameters, name)
  const value = values.find((each) => each === text)
  if (text === undefined || value !== undefined) return value
  throw new HubError('invalid-query', `${name} is one of ${values.join(', ')}.`, { pointer: `/${name}` })
}
