import { MAX_OUTLETS_LIMIT, OUTLET_KINDS, OUTLET_STATES, OUTLETS_LIMIT } from '../webhooks.ts'
import { BY_HEADER, json, operation, type Paths, path, problems, query } from './operation.ts'
import { ref } from './schemas.ts'

const id = path('id', 'As the list has it.')
const one = { ...BY_HEADER, parameters: [id] }
const outlet = { 200: json('As it is now.', ref('Outlet')), ...problems(400, 401, 404, 503) }
const body = { required: true, content: { 'application/json': { schema: ref('Redelivery') } } }

/** What operators see of webhooks and forwards, and do with them. */
export const webhookPaths: Paths = {
  '/webhooks': {
    get: operation(
      'List webhook subscriptions and forwards. Needs admin.',
      { 200: json('A page.', ref('Outlets')), ...problems(400, 401, 503) },
      {
        ...BY_HEADER,
        parameters: [
          query('kind', 'Only these.', { enum: OUTLET_KINDS }),
          query('state', 'Only those that are.', { enum: OUTLET_STATES }),
          query('limit', 'Entries a page.', {
            type: 'integer',
            minimum: 1,
            maximum: MAX_OUTLETS_LIMIT,
            default: OUTLETS_LIMIT,
          }),
          query('page', 'The next of the page before.'),
        ],
      },
    ),
  },
  '/webhooks/{id}': { get: operation('One of them, with its last attempts. Needs admin.', outlet, one) },
  '/webhooks/{id}/disable': {
    post: operation(
      'Send it nothing until it is enabled; what comes meanwhile waits in the log. Needs admin.',
      outlet,
      one,
    ),
  },
  '/webhooks/{id}/enable': { post: operation('Send it again what it is to get. Needs admin.', outlet, one) },
  '/webhooks/{id}/redeliver': {
    post: operation(
      'Send it one event once more, or everything after a cursor. Needs admin.',
      { ...outlet, ...problems(408, 413, 415) },
      { ...one, requestBody: body },
    ),
  },
}
