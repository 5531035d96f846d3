/** An element with attributes and children. Strings become text nodes, never markup: publishers choose them. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  element.append(...children)
  return element
}

/** A stable hue for a type, so that the eye finds its like. */
function hue(text) {
  let sum = 7
  for (const char of text) sum = (sum * 31 + char.codePointAt(0)) % 3600
  return String(sum % 360)
}

const clip = (text, length) => (text.length > length ? `${text.slice(0, length)}…` : text)
const clock = (time) => {
  const date = new Date(time)
  if (Number.isNaN(date.getTime())) return time
  const two = (number) => String(number).padStart(2, '0')
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

/** The data as it was published. It comes last, and quotes inside of what is before it are escaped. */
const dataText = (text) => text.slice(text.indexOf(',"data":') + 8, -1)

/** One event: a line that opens to its whole content. `text` is the event object as the server wrote it. */
export function eventRow(event, text, onTopic) {
  const preview = typeof event.data === 'string' ? event.data : dataText(text)
  const type = make('span', { class: 'type' }, event.type)
  type.style.setProperty('--hue', hue(event.type))
  const summary = make(
    'summary',
    {},
    make('span', { class: 'offset', title: event.cursor }, event.cursor.split('.').at(-1)),
    make('time', { datetime: event.time, title: event.time }, clock(event.time)),
    make('span', { class: 'topic' }, make('bdi', {}, event.topic)),
    type,
    make('span', { class: 'data' }, clip(preview, 300)),
  )
  const details = make('details', {}, summary)
  // A row keeps the text alone; what it opens to is made then and goes again: an event may be 252 KiB.
  details.addEventListener('toggle', () => {
    details.querySelector('.whole')?.remove()
    if (details.open) details.append(whole(text, onTopic))
  })
  return make('li', { class: 'event' }, details)
}

function whole(text, onTopic) {
  const event = JSON.parse(text)
  const only = make('button', { type: 'button', class: 'small' }, 'Only this topic')
  only.addEventListener('click', () => onTopic(event.topic))
  return make(
    'div',
    { class: 'whole' },
    make(
      'dl',
      {},
      ...[
        ['id', event.id],
        ['cursor', event.cursor],
        ['time', event.time],
        ['topic', event.topic],
        ['type', event.type],
      ].map(([name, value]) => make('div', {}, make('dt', {}, name), make('dd', {}, value))),
    ),
    make('pre', { tabindex: '0', 'aria-label': 'Data' }, pretty(event, text)),
    only,
  )
}

/** The data laid out. Numbers keep the digits they were sent with where the browser can (JSON.rawJSON). */
function pretty(event, text) {
  if (typeof event.data === 'string') return event.data
  const exact = (_key, value, context) =>
    typeof value === 'number' && context?.source && JSON.rawJSON ? JSON.rawJSON(context.source) : value
  return JSON.stringify(JSON.parse(text, exact).data, null, 2)
}

/** What the stream says about itself, as a quiet line. */
export function noteRow(kind, text) {
  return make('li', { class: `note ${kind}` }, make('span', {}, text))
}
