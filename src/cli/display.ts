import { STEERING } from '../core/steering.ts'

/** What an event document holds, as far as a person is shown it. */
export interface ShownEvent {
  topic: string
  type: string
  time: string
  data: unknown
}

/** One line, without anything a terminal would obey. */
export function plain(text: string): string {
  return text.replace(STEERING, (character) => {
    if (character === '\n') return '\\n'
    if (character === '\t') return '\\t'
    return `\\u{${character.codePointAt(0)!.toString(16)}}`
  })
}

/** `2026-11-22 12:00:00Z  orders/42  order.paid  {"total":99}` */
export function displayLine({ topic, type, time, data }: ShownEvent): string {
  const shown = typeof data === 'string' ? data : JSON.stringify(data)
  return `${[shortTime(time), topic, type, shown].map(plain).join('  ')}\n`
}

/** Seconds in UTC; a time that is not readable is shown as it is. */
export function shortTime(time: string): string {
  const date = new Date(time)
  return Number.isNaN(date.getTime()) ? time : date.toISOString().replace('T', ' ').replace(/\.\d+/, '')
}
