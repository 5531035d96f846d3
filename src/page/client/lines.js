import { publishRequest, streamPath } from './address.js'
import { make } from './row.js'

const shell = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`)

/** The variable that the command line reads too; never the key itself, which would end in a shell's history. */
const bearer = (mode) => (mode === 'credentials' ? '-H "Authorization: Bearer $MCP_SSE_KEY" ' : '')

/** What to type elsewhere for what the two forms say now. One row a way in. */
const LINES = [
  [
    'Publish',
    ({ mode, topic, type, data }) => {
      const request = publishRequest(topic || 'demo', type, data)
      // curl reads a file when -d starts with @.
      const flag = request.body.startsWith('@') ? '--data-raw' : '-d'
      const header = request.contentType ? `-H 'content-type: ${request.contentType}' ` : ''
      return `curl ${bearer(mode)}${flag} ${shell(request.body)} ${header}${shell(location.origin + request.path)}`
    },
  ],
  [
    'Subscribe',
    ({ mode, topics, types }) => `curl -N ${bearer(mode)}${shell(location.origin + streamPath(topics, types))}`,
  ],
  [
    'In a page',
    ({ mode, topics, types }) => {
      if (mode === 'credentials') {
        const filter = Object.entries({ topics, types }).filter(([, list]) => list.length > 0)
        const options = filter.map(([name, list]) => `${name}: ${JSON.stringify(list)}, `).join('')
        const ticket = "ticket: () => fetch('/your-backend/ticket').then((r) => r.json())"
        const connect = `connect({ ${options}${ticket}, event: console.log })`
        return `import('${location.origin}/client.js').then(({ connect }) => ${connect})`
      }
      const url = JSON.stringify(location.origin + streamPath(topics, types, { envelope: '1' }))
      return `new EventSource(${url}).onmessage = (e) => console.log(e.data)`
    },
  ],
  [
    'An agent',
    ({ mode }) => `claude mcp add --transport http events ${shell(`${location.origin}/mcp`)} ${bearer(mode)}`.trim(),
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
