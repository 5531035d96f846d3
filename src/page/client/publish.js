import { ask } from './access.js'
import { publishRequest } from './address.js'

/** The form: one event, its receipt or the hub's own sentence about what is wrong. */
export function publishForm(form, receipt) {
  let sending = false
  const say = (text, failed) => {
    receipt.textContent = text
    receipt.classList.toggle('failed', failed)
  }
  form.addEventListener('submit', async (submit) => {
    submit.preventDefault()
    if (sending) return
    sending = true
    try {
      const { topic, type, data } = form.elements
      const { path, body, contentType } = publishRequest(topic.value.trim(), type.value.trim(), data.value)
      const headers = contentType ? { 'content-type': contentType } : {}
      const answer = await ask(path, { method: 'POST', body, headers })
      const result = await answer.json()
      if (answer.ok) say(`Stored as ${result.cursor}`, false)
      else say(result.detail ?? result.title, true)
    } catch {
      say('The hub did not answer. Is it running?', true)
    } finally {
      sending = false
    }
  })
  form.elements.data.addEventListener('keydown', (key) => {
    if (key.key === 'Enter' && (key.ctrlKey || key.metaKey)) form.requestSubmit()
  })
}
