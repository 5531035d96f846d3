import { accessForm } from './access.js'
import { words } from './address.js'
import { copyLines } from './lines.js'
import { publishForm } from './publish.js'
import { eventRow, noteRow } from './row.js'
import { follow, KEY_NEEDED } from './stream.js'
import { Tail } from './tail.js'
import { Topics } from './topics.js'

const find = (selector) => document.querySelector(selector)
const filter = find('#filter')
const draft = find('#publish')
const tail = new Tail()
const topics = new Topics(pick)
const updateLines = copyLines(find('#lines'))
let applied
let mode
let listens = false
let stop = () => {}

function pick(topic) {
  filter.elements.topics.value = topic
  apply()
}

function showState(name, text, problem = '') {
  find('#state').dataset.state = name
  find('#state-text').textContent = text
  find('#problem').textContent = problem
  find('#problem').hidden = problem === ''
}

/** The tail starts over with what the filter says; nothing happens when it says the same as before. */
function apply() {
  const wanted = { topics: words(filter.elements.topics.value), types: words(filter.elements.types.value) }
  const key = JSON.stringify(wanted)
  if (key === applied) return
  applied = key
  stop()
  tail.clear()
  topics.select(wanted.topics.length === 1 ? wanted.topics[0] : '')
  stop = () => {}
  showLines()
  if (!listens) return showState('refused', 'Not listening', KEY_NEEDED)
  stop = follow(wanted, {
    state(name, ...said) {
      showState(name, ...said)
      // Meanwhile topics may have come or gone.
      if (name === 'live') topics.refresh()
    },
    note: (kind, text) => tail.add(() => noteRow(kind, text), 0),
    event: (event, text) => {
      tail.add(() => eventRow(event, text, pick), text.length)
      topics.refresh()
    },
  })
}

function showLines() {
  const { topic, type, data } = draft.elements
  updateLines({
    mode,
    topic: topic.value.trim(),
    type: type.value.trim(),
    data: data.value,
    topics: words(filter.elements.topics.value),
    types: words(filter.elements.types.value),
  })
}

filter.addEventListener('submit', (submit) => {
  submit.preventDefault()
  apply()
})
filter.addEventListener('change', apply)
draft.addEventListener('input', showLines)
publishForm(draft, find('#receipt'))
find('#host').textContent = location.host
accessForm((found, known) => {
  mode = found
  applied = undefined
  find('#receipt').textContent = ''
  listens = known
  topics.refresh(true)
  apply()
})
