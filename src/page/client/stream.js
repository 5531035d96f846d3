import { streamPath } from './address.js'

const BACKLOG = '50'

/**
 * Follows the hub. An EventSource reconnects by itself after a lost connection, but gives up for good on any answer that
 * is not a stream: then this asks for the reason, and either reports it or comes back from where it was.
 * `on.event(event, text)`, `on.note(kind, text)` and `on.state(name, text, problem)` are told; the result stops it.
 */
export function follow({ topics, types }, on) {
  let source
  let timer
  let position = ''
  let stopped = false

  const connect = () => {
    const from = position ? { last_event_id: position } : { last: BACKLOG }
    source = new EventSource(streamPath(topics, types, { envelope: '1', ...from }))
    const listen = (name, handle) =>
      source.addEventListener(name, (message) => {
        position = message.lastEventId || position
        handle(JSON.parse(message.data), message.data)
      })
    listen('message', (event, text) => on.event(event, text))
    listen('$open', ({ cursor }) => {
      on.state('live', 'Live')
      on.note('open', `connected, following from ${cursor}`)
    })
    listen('$gap', ({ requested, resumedFrom, reason }) =>
      on.note(
        'gap',
        reason === 'expired'
          ? `gap: events after ${requested} are no longer kept; continues after ${resumedFrom}`
          : `gap: this hub does not know the place ${requested}; continues after ${resumedFrom}`,
      ),
    )
    listen('$closing', ({ reason, reconnect, retryMs }) =>
      on.note(
        'closing',
        `the hub closes this stream (${reason})${reconnect ? `; back in ${(retryMs / 1000).toFixed(1)} s` : ''}`,
      ),
    )
    listen('$error', ({ code, message }) => on.note('error', `${message} (${code})`))
    source.onerror = () => {
      if (stopped) return
      if (source.readyState === EventSource.CLOSED) askWhy()
      else on.state('reconnecting', 'Reconnecting')
    }
  }

  const askWhy = async () => {
    try {
      const answer = await fetch(streamPath(topics, types, { format: 'json', limit: '1' }))
      if (stopped) return
      if (answer.status >= 400 && answer.status < 500 && answer.status !== 429) {
        const problem = await answer.json()
        on.state('refused', 'Not listening', problem.detail ?? problem.title)
        return
      }
    } catch {
      // Nobody answers, or not the hub (a proxy's page): the same as a lost connection.
    }
    if (stopped) return
    on.state('reconnecting', 'Reconnecting')
    timer = setTimeout(connect, 2000 + Math.random() * 2000)
  }

  on.state('connecting', 'Connecting')
  connect()
  return () => {
    stopped = true
    clearTimeout(timer)
    source.close()
  }
}
