import { connect } from '/client.js'
import { hasKey, ticket, wantKey } from './access.js'

export const KEY_NEEDED = 'The key above is needed to listen.'

/**
 * Follows the hub. `on.event(event, text)`, `on.note(kind, text)` and `on.state(name, text, problem)` are told; the result
 * stops it.
 */
export function follow({ topics, types }, on) {
  const refuse = (problem) => on.state('refused', 'Not listening', problem)
  const states = {
    connecting: () => on.state('connecting', 'Connecting'),
    live({ cursor }) {
      on.state('live', 'Live')
      on.note('open', `connected, following from ${cursor}`)
    },
    reconnecting({ reason, retryMs }) {
      on.state('reconnecting', 'Reconnecting')
      if (['lost', 'silent', 'ticket'].includes(reason)) return
      on.note('closing', `the hub closed this stream (${reason}); back in ${(retryMs / 1000).toFixed(1)} s`)
    },
    refused({ detail, code, status }) {
      // The hub got its first key while the page was open, or a cookie ended.
      if (status === 401) wantKey(detail)
      refuse(status === 401 ? KEY_NEEDED : (detail ?? code ?? `The hub answers ${status}.`))
    },
    closed() {},
  }
  const askForTicket = async () => {
    try {
      return await ticket(topics, types)
    } catch (error) {
      if (error.refused) {
        stream.close()
        refuse(error.message)
      }
      throw error
    }
  }
  const stream = connect({
    topics,
    types,
    last: 50,
    ticket: hasKey() ? askForTicket : undefined,
    event: on.event,
    gap: ({ requested, resumedFrom, reason }) =>
      on.note(
        'gap',
        reason === 'expired'
          ? `gap: events after ${requested} are no longer kept; continues after ${resumedFrom}`
          : `gap: this hub does not know the place ${requested}; continues after ${resumedFrom}`,
      ),
    state: (name, detail) => states[name](detail),
  })
  return stream.close
}
