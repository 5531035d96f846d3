import { publishRequest, streamPath } from './address.js'
import { make } from './row.js'

const shell = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`)

/** What to type elsewhere for what the two forms say now. One row a way in. */
const LINES = [
  [
    'Publish',
    ({ topic, type, data }) => {
      const request = publishRequest(topic || 'demo', type, data)
      // curl reads a file when -d starts with @.
      const flag = request.body.startsWith('@') ? '--data-raw' : '-d'
      const header = request.contentType ? `-H 'content-type: ${request.contentType}' ` : ''
      return `curl ${flag} ${shell(request.body)} ${header}${shell(location.origin + request.path)}`
    },
  ],
  ['Subscribe', ({ topics, types }) => `curl -N ${shell(location.origin + streamPath(topics, types))}`],
  [
    'In a page',
    ({ topics, types }) => {
      const url = JSON.stringify(location.origin + streamPath(topics, types, { envelope: '1' }))
      return `new EventSource(${url}).onmessage = (e) => console.log(e.data)`
    },
  ],
]

/** Fills the list; the result brings the lines up to date with what was typed. */
export function copyLines(list) {
  const rows = LINES.map(([name, line]) => {
    const code = make('code', { tabindex: '0' })
    const button = make('button', { type: 'button', class: 'small', 'aria-label': `Copy: ${name}` }, 'Copy')
    button.addEventListener('click', () => copy(code, button))
    list.append(make('div', {}, make('dt', {}, name), make('dd', {}, code), make('dd', {}, button)))
    return { code, line }
  })
  return (values) => {
    for (const { code, line } of rows) code.textContent = line(values)
  }
}

async function copy(code, button) {
  try {
    await navigator.clipboard.writeText(code.textContent)
  } catch {
    // No clipboard outside secure contexts (plain http on another host): the old way, and the text stays selected.
    getSelection().selectAllChildren(code)
    document.execCommand('copy')
  }
  button.textContent = 'Copied'
  setTimeout(() => {
    button.textContent = 'Copy'
  }, 1500)
}
