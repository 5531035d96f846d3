import { EventSource } from 'eventsource'

/**
 * `argv`: the URL of a stream whose events are 1, 2, 3, …, and how many readers follow it, each an EventSource that does
 * what the standard says: any status but 200 ends it for good. Writes what they have so far as a line of JSON
 * (`CrowdReport`), again and again, until its input ends.
 */
export interface CrowdReport {
  /** Readers whose stream is open. */
  open: number
  /** Readers that gave up. */
  closed: number
  /** `$open`s, of all readers. */
  opened: number
  /** Streams that began, of all readers: also those in which somebody answers in the place of the hub, without a `$open`. */
  answered: number
  /** The highest number that every reader has. */
  least: number
  /** The first few things that should not have happened: a number missing, twice, a gap. */
  faults: string[]
}

const REPORT_MS = 100
const MOST_FAULTS = 20
const [url = '', count = '0'] = process.argv.slice(2)
const report: CrowdReport = { open: 0, closed: 0, opened: 0, answered: 0, least: 0, faults: [] }
const heard: number[] = []

function fault(reader: number, what: string): void {
  if (report.faults.length < MOST_FAULTS) report.faults.push(`reader ${reader}: ${what}`)
}

const readers = Array.from({ length: Number(count) }, (_, reader) => {
  heard[reader] = 0
  const source = new EventSource(url, {
    // The certificate is the test's own.
    fetch: (address, init) => fetch(address, { ...init, tls: { rejectUnauthorized: false } } as RequestInit),
  })
  source.onopen = () => report.answered++
  source.onmessage = ({ data }) => {
    const number = Number(data)
    if (number !== heard[reader]! + 1) fault(reader, `${number} after ${heard[reader]}`)
    heard[reader] = number
  }
  source.addEventListener('$open', () => report.opened++)
  source.addEventListener('$gap', ({ data }) => fault(reader, `$gap ${data}`))
  return source
})

setInterval(() => {
  const states = readers.map(({ readyState }) => readyState)
  report.open = states.filter((state) => state === EventSource.OPEN).length
  report.closed = states.filter((state) => state === EventSource.CLOSED).length
  report.least = heard.reduce((least, number) => Math.min(least, number), Number.MAX_SAFE_INTEGER)
  process.stdout.write(`${JSON.stringify(report)}\n`)
}, REPORT_MS)
process.stdin.on('end', () => process.exit(0)).resume()
