import { Tabs } from './tabs.js'
import { Tickets } from './tickets.js'

const LONGEST_WAIT_MS = 30_000
/** What another try does not change. Anything else that is no stream (a proxy's 502, a 404 during a deployment) may pass. */
const REFUSALS = [400, 401, 403]
/** A tab that cannot connect so often lets another one lead. */
const LEADERS_TRIES = 3

/**
 * Follows a hub; `client.d.ts` says what goes in and comes out.
 *
 * Every end of a stream comes to `later` or `end`: the EventSource is closed for good, and the next one names the cursor of
 * the last event, gap or heartbeat this one saw. So two never deliver at once, and nothing is missed or comes twice.
 */
export function connect(options = {}) {
  const {
    url = new URL('.', import.meta.url),
    topics = [],
    types = [],
    withCredentials = false,
    share = true,
  } = options
  const events = new URL('events', new URL(`${url}/`.replace(/\/+$/, '/'), location.href))
  const tickets = options.ticket && new Tickets(options.ticket)
  let cursor = ''
  let source
  /** What the hub said in `$open`, last. */
  let opened
  let live = false
  let name
  let reason
  /** What was begun in another turn is over. */
  let turn = 0
  let tries = 0
  let renewed = false
  let quiet
  let watch
  let timer
  let renewal

  const tab = {
    get cursor() {
      return cursor
    },
    get live() {
      return live
    },
    own: open,
    follow() {
      stop()
      watchOver()
    },
    wait: (detail) => say('reconnecting', detail),
    take(at, text) {
      quiet = 0
      cursor = at
      say('live', opened)
      if (text) options.event?.(JSON.parse(text), text)
    },
  }
  // Without locks (plain http from another machine) every tab keeps its own stream.
  const canShare = globalThis.navigator?.locks && globalThis.BroadcastChannel
  const tabs = share && canShare ? new Tabs(tab) : undefined

  function say(next, detail) {
    if (next === name && next !== 'reconnecting') return
    name = next
    if (options.state) options.state(next, detail)
    else if (next === 'refused') console.error(`mcp-sse: ${detail.detail ?? detail.code ?? detail.status}`)
  }

  async function address(extra) {
    const { since, last } = options
    const start = cursor ? { last_event_id: cursor } : { since, last }
    const query = Object.entries({ ...start, ...extra, ticket: await tickets?.current() })
    // One alone may be text, of which `for` would take each character.
    for (const topic of [topics].flat()) query.push(['topic', topic])
    for (const type of [types].flat()) query.push(['type', type])
    return `${events}?${new URLSearchParams(query.filter(([, value]) => value !== undefined))}`
  }

  function stop() {
    turn++
    live = false
    source?.close()
    clearInterval(watch)
    clearTimeout(timer)
    clearTimeout(renewal)
  }

  function end(next, detail) {
    stop()
    tabs?.leave()
    say(next, detail)
  }

  function later(detail) {
    stop()
    const retryMs = detail.retryMs ?? Math.min(LONGEST_WAIT_MS, 1000 * 2 ** tries++) * (0.5 + Math.random() / 2)
    timer = setTimeout(open, retryMs)
    tabs?.warn({ ...detail, retryMs })
    if (tries > LEADERS_TRIES) tabs?.leave()
    say('reconnecting', { ...detail, retryMs })
  }

  /** A connection may be half there and say nothing for ever; so may a leading tab that the browser has frozen. */
  function watchOver() {
    quiet = 0
    // Silence of 1.7 to 2.5 heartbeats, and two seconds for the hub's own timer.
    const step = ((opened?.heartbeatMs ?? 15_000) * 2.5 + 2000) / 3
    clearInterval(watch)
    watch = setInterval(() => {
      if (++quiet < 3) return
      if (tabs?.following) tabs.own()
      else later({ reason: 'silent' })
    }, step)
  }

  async function open() {
    stop()
    const mine = turn
    try {
      const target = await address({ envelope: 1, heartbeat: 'event' })
      if (mine === turn) listen(new EventSource(target, { withCredentials }))
    } catch (error) {
      if (mine === turn) later({ reason: 'ticket', error })
    }
  }

  /** While the old ticket is still good: the stream changes over without being refused in between. */
  async function renew() {
    const mine = turn
    try {
      await tickets.renew()
      if (mine === turn) open()
    } catch {
      // Tried again; when the old one ends first, `state` is told.
      if (mine === turn) renewal = setTimeout(renew, LONGEST_WAIT_MS * (0.5 + Math.random() / 2))
    }
  }

  /** An EventSource does not say why it gave up. */
  async function askWhy() {
    stop()
    const mine = turn
    let status
    let problem = {}
    try {
      const credentials = withCredentials ? 'include' : 'same-origin'
      const signal = AbortSignal.timeout(LONGEST_WAIT_MS)
      const answer = await fetch(await address({ format: 'json', limit: 1 }), { credentials, signal })
      status = answer.status
      if (REFUSALS.includes(status)) problem = await answer.json()
    } catch {
      // Nobody there, or not the hub's own words: `status` says what is known.
    }
    if (mine !== turn) return
    if (status === 401 && tickets && !renewed) {
      renewed = true
      tickets.drop()
      open()
    } else if (REFUSALS.includes(status)) end('refused', { status, code: problem.code, detail: problem.detail })
    else later({ reason: 'lost', status })
  }

  function listen(from) {
    source = from
    watchOver()
    const on = (type, handle) =>
      from.addEventListener(type, ({ data, lastEventId }) => {
        const after = cursor
        cursor = lastEventId || cursor
        quiet = 0
        handle(JSON.parse(data), after, data)
      })
    on('message', (event, after, text) => {
      tabs?.tell(after, cursor, text)
      options.event?.(event, text)
    })
    on('$heartbeat', (_, after) => tabs?.tell(after, cursor))
    on('$gap', (gap) => {
      tabs?.warn('gap')
      options.gap?.(gap)
    })
    on('$open', (open) => {
      opened = open
      live = true
      tries = 0
      renewed = false
      watchOver()
      if (tickets) renewal = setTimeout(renew, Math.min(tickets.renewIn(), 2 ** 31 - 1))
      tabs?.join(`mcp-sse ${JSON.stringify([events, open.principal, open.topics, open.types])}`)
      say('live', open)
    })
    on('$error', ({ message }) => {
      reason = message
    })
    on('$closing', (closing) => {
      // The next credential may be there already: a new ticket, a newer cookie. If not, 401 says so.
      const ended = closing.reason.startsWith('credential-')
      if (ended) tickets?.drop()
      if (ended) later({ reason: closing.reason })
      else if (closing.reconnect) later({ reason: closing.reason, retryMs: closing.retryMs })
      else end('refused', { code: closing.reason, detail: reason })
    })
    from.onerror = () => (from.readyState === EventSource.CLOSED ? askWhy() : later({ reason: 'lost' }))
  }

  say('connecting')
  open()
  return {
    /** Everything up to here was handed to `event`; '' before the stream is open. */
    get cursor() {
      return cursor
    },
    close: () => end('closed'),
  }
}
