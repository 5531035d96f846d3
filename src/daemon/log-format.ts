import { STEERING } from '../core/steering.ts'
import type { LogFields, LogLevel } from './log-lines.ts'

/** `auto`: text where a person or the journal reads, JSON elsewhere. */
export type LogFormat = 'auto' | 'text' | 'json'

/** Where the lines go. The journal keeps time and name of its own. */
export type LogPlace = 'terminal' | 'journal' | 'elsewhere'

export interface LogRecord {
  /** Milliseconds since 1970. */
  time: number
  level: LogLevel
  msg: string
  fields: LogFields
}

/** One record as the text that is written, with its line break. */
export type WriteRecord = (record: LogRecord) => string

/** Characters; what is longer is cut and ends in `…`. */
const LONGEST = { msg: 4096, field: 512, stack: 8192 }

/** Of syslog(3), as sd-daemon(3) reads them in front of a line. */
const PRIORITIES: Record<LogLevel, number> = { debug: 7, info: 6, warn: 4, error: 3 }

const WORDS: Record<LogLevel, string> = { debug: 'debug: ', info: '', warn: 'warning: ', error: 'error: ' }

export function recordWriter(format: LogFormat, place: LogPlace): WriteRecord {
  const isJson = format === 'json' || (format === 'auto' && place === 'elsewhere')
  const write = isJson ? jsonText : textOf(place)
  if (place !== 'journal') return write
  // Each line on its own: the journal takes every line of text for an entry.
  return (record) => write(record).replace(/^(?=.)/gm, `<${PRIORITIES[record.level]}>`)
}

function jsonText({ time, level, msg, fields }: LogRecord): string {
  const written: Record<string, unknown> = { time: new Date(time).toISOString(), level, msg: clipped(msg, LONGEST.msg) }
  for (const name in fields) {
    const value = fields[name]
    if (value === undefined) continue
    written[name] = typeof value === 'string' ? clipped(value, name === 'stack' ? LONGEST.stack : LONGEST.field) : value
  }
  // JSON itself escapes only what is below U+0020.
  return `${JSON.stringify(written).replace(STEERING, codeUnit)}\n`
}

/**
 * `mcp-sse: warning: a sentence [request req_…]`. Of the fields only the request is said, as the others are in the
 * sentence, and where something failed. A line that begins with four spaces more goes on with the one before.
 */
function textOf(place: LogPlace): WriteRecord {
  return ({ time, level, msg, fields }) => {
    const front = place === 'journal' ? '' : `${place === 'terminal' ? hour(time) : isoSecond(time)} mcp-sse: `
    const request = fields.request === undefined ? '' : ` [request ${oneLine(String(fields.request), LONGEST.field)}]`
    const first = `${front}${WORDS[level]}${oneLine(msg, LONGEST.msg)}${request}\n`
    if (typeof fields.stack !== 'string') return first
    const rest = clipped(fields.stack, LONGEST.stack).split('\n')
    return first + rest.map((line) => `${front}    ${oneLine(line.trim(), LONGEST.msg)}\n`).join('')
  }
}

/** Of this machine's time zone. */
function hour(time: number): string {
  return new Date(time).toTimeString().slice(0, 8)
}

function isoSecond(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19)}Z`
}

/** Nothing in it begins another line, or steers a terminal. */
function oneLine(text: string, longest: number): string {
  return clipped(text, longest).replace(STEERING, (character) =>
    character === '\n' ? '\\n' : character === '\t' ? '\\t' : codeUnit(character),
  )
}

function clipped(text: string, longest: number): string {
  return text.length > longest ? `${text.slice(0, longest)}…` : text
}

function codeUnit(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
