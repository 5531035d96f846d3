const REFUSALS = [400, 401, 403]

const form = document.querySelector('#access')
const note = document.querySelector('#access-note')
const who = document.querySelector('#who')
const forget = document.querySelector('#forget')

/** In memory alone: storage of every kind may reach the disk, and a URL reaches logs. */
let key = ''

/** `fetch` with the key, if one was given. A hub that wants one shows the field for it. */
export async function ask(path, { headers, ...init } = {}) {
  const authorization = key ? { authorization: `Bearer ${key}` } : {}
  const answer = await fetch(path, { ...init, headers: { ...headers, ...authorization } })
  if (answer.status === 401) wantKey((await answer.clone().json()).detail)
  return answer
}

export const hasKey = () => key !== ''

/** A ticket for what the tail listens to: an EventSource sends no key. @throws Error with the hub's sentence */
export async function ticket(topics, types) {
  const body = JSON.stringify({ ...(topics.length > 0 && { topics }), ...(types.length > 0 && { types }) })
  const answer = await ask('/tickets', { method: 'POST', body, headers: { 'content-type': 'application/json' } })
  const result = await answer.json()
  // 429 and 5xx are for now.
  const refused = REFUSALS.includes(answer.status)
  if (!answer.ok) throw Object.assign(new Error(result.detail), { refused })
  return result
}

/** `detail` is what the hub says of the key that it was given, if one was. */
export function wantKey(detail) {
  form.hidden = false
  note.textContent = key ? detail : 'This hub asks for a key. It stays in the memory of this tab.'
  note.classList.toggle('failed', key !== '')
}

/** `changed(mode, known)` is called at first and with another key: `open` or `credentials`, and whether the hub knows who asks. */
export function accessForm(changed) {
  const recognise = async () => {
    let mode = 'open'
    let known = true
    who.textContent = ''
    forget.hidden = key === ''
    try {
      const answer = await ask('/whoami')
      if (answer.ok) {
        const me = await answer.json()
        mode = me.mode
        form.hidden = key !== '' || me.principal !== 'anonymous'
        if (!form.hidden) wantKey()
        if (mode !== 'open') who.textContent = me.principal
      } else if (answer.status === 401) {
        mode = 'credentials'
        known = false
      }
    } catch {
      // Nobody answers: the tail says so, and its next connection shows what is wanted.
    }
    changed(mode, known)
  }
  form.addEventListener('submit', (submit) => {
    submit.preventDefault()
    key = form.elements.key.value.trim()
    form.reset()
    recognise()
  })
  forget.addEventListener('click', () => {
    key = ''
    recognise()
  })
  return recognise()
}
