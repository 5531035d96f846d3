const MAX_ROWS = 500
const MAX_CHARACTERS = 16 * 1024 * 1024

/**
 * The list, newest first. What arrives waits for the next frame; both what waits and what is shown is bounded in lines
 * and in characters, older ones go: neither a burst nor a paused or hidden page grows without end.
 */
export class Tail {
  #rows = document.querySelector('#rows')
  #empty = document.querySelector('#empty')
  #count = document.querySelector('#count')
  #pause = document.querySelector('#pause')
  #waiting = []
  #waitingSize = 0
  #shownSize = 0
  #arrived = 0
  #held = 0
  #dropped = false
  #paused = false
  #frame = 0

  constructor() {
    this.#pause.addEventListener('click', () => this.#setPaused(!this.#paused))
    document.querySelector('#clear').addEventListener('click', () => this.clear())
  }

  /** `row` makes the element; it is called only if the line gets shown. `size`: characters it keeps, 0 for a note. */
  add(row, size) {
    this.#waiting.push({ row, size })
    this.#waitingSize += size
    while (this.#waiting.length > MAX_ROWS || this.#waitingSize > MAX_CHARACTERS) {
      this.#waitingSize -= this.#waiting.shift().size
      this.#dropped = true
    }
    if (size > 0) {
      this.#arrived++
      if (this.#paused) this.#held++
    }
    this.#frame ||= requestAnimationFrame(() => this.#show())
  }

  clear() {
    this.#waiting = []
    this.#waitingSize = this.#shownSize = this.#arrived = this.#held = 0
    this.#dropped = false
    this.#rows.replaceChildren()
    this.#show()
  }

  #setPaused(paused) {
    this.#paused = paused
    this.#held = 0
    this.#pause.setAttribute('aria-pressed', String(paused))
    this.#pause.textContent = paused ? 'Resume' : 'Pause'
    this.#show()
  }

  #show() {
    this.#frame = 0
    if (!this.#paused) this.#insert()
    const shown = this.#rows.childElementCount
    this.#empty.hidden = this.#arrived > 0
    const number = (this.#paused ? this.#held : this.#arrived).toLocaleString('en')
    if (this.#paused) this.#count.textContent = `Paused · ${number} waiting`
    else if (this.#arrived === 0) this.#count.textContent = 'No events yet'
    else {
      const events = this.#arrived === 1 ? 'event' : 'events'
      this.#count.textContent = `${number} ${events}${this.#dropped ? ` · the newest ${shown} lines are kept` : ''}`
    }
  }

  #insert() {
    const elements = this.#waiting.map(({ row, size }) => Object.assign(row(), { size }))
    this.#rows.prepend(...elements.reverse())
    this.#shownSize += this.#waitingSize
    this.#waiting = []
    this.#waitingSize = 0
    while (this.#rows.childElementCount > MAX_ROWS || this.#shownSize > MAX_CHARACTERS) {
      this.#shownSize -= this.#rows.lastElementChild.size
      this.#rows.lastElementChild.remove()
      this.#dropped = true
    }
  }
}
