import { ask } from './access.js'
import { make } from './row.js'

const MAX_SHOWN = 200
const REFRESH_MS = 1500

/** The topics and how many events each holds, as the hub counts them: asked again a moment after events came in. */
export class Topics {
  #list = document.querySelector('#topics')
  #note = document.querySelector('#topics-note')
  #count = document.querySelector('#topics-count')
  #known = document.querySelector('#known')
  #rows = new Map()
  #timer = 0
  #selected = ''
  #onPick

  constructor(onPick) {
    this.#onPick = onPick
  }

  /** `now` for the first time; later calls are gathered. */
  refresh(now = false) {
    this.#timer ||= setTimeout(() => this.#load(), now ? 0 : REFRESH_MS)
  }

  select(topic) {
    this.#selected = topic
    for (const [name, { button }] of this.#rows) button.setAttribute('aria-pressed', String(name === topic))
  }

  async #load() {
    try {
      const answer = await ask('/topics')
      const { topics = [], next, detail } = await answer.json()
      this.#show(topics.slice(0, MAX_SHOWN), next !== undefined || topics.length > MAX_SHOWN)
      if (!answer.ok) this.#note.textContent = detail
      // Then the field for a key says what is wrong.
      if (answer.status === 401) this.#note.hidden = true
    } catch {
      this.#note.textContent = 'The list did not load; it is asked for again with the next event.'
      this.#note.hidden = false
    }
    this.#timer = 0
  }

  /** Rows stay the same elements, so that focus and the place in the list stay too. */
  #show(topics, more) {
    const names = new Set(topics.map(({ topic }) => topic))
    for (const [name, { item, option }] of this.#rows) {
      if (names.has(name)) continue
      item.remove()
      option.remove()
      this.#rows.delete(name)
    }
    topics.forEach(({ topic, events }, index) => {
      const row = this.#rows.get(topic) ?? this.#add(topic)
      row.number.textContent = events.toLocaleString('en')
      if (this.#list.children[index] !== row.item) this.#list.insertBefore(row.item, this.#list.children[index] ?? null)
    })
    this.#count.textContent = topics.length > 0 ? `${topics.length}${more ? '+' : ''}` : ''
    this.#note.hidden = topics.length > 0 && !more
    this.#note.textContent = more
      ? `The first ${topics.length}. For others, type a pattern above the tail.`
      : 'None yet: a topic appears with its first event.'
  }

  #add(topic) {
    const number = make('span', { class: 'number' })
    const pressed = String(topic === this.#selected)
    const button = make('button', { type: 'button', 'aria-pressed': pressed }, make('bdi', {}, topic), number)
    button.addEventListener('click', () => this.#onPick(topic === this.#selected ? '' : topic))
    const row = { button, number, item: make('li', {}, button), option: make('option', { value: topic }) }
    this.#known.append(row.option)
    this.#rows.set(topic, row)
    return row
  }
}
