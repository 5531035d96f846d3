import { HubError } from './errors.ts'

/** RFC 3339 section 5.6 `date-time`, with at most 9 digits of a second. */
const RFC3339 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt]([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(\.\d{1,9})?([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/

/**
 * A publisher's time, returned as it was sent. Dates that are not in the calendar are refused, and so is the leap
 * second `:60`, which no reader's `Date` takes.
 * @throws HubError `invalid-time`
 */
export function requireTime(time: string, pointer = '/time'): string {
  if (!isTime(time)) {
    throw new HubError('invalid-time', 'A time is an RFC 3339 date and time such as 2026-11-22T12:00:00.000Z.', {
      pointer,
    })
  }
  return time
}

/** Whether it is an RFC 3339 time of a day that is in the calendar. */
export function isTime(text: string): boolean {
  const match = RFC3339.exec(text)
  if (!match) return false
  const day = Number(match[3])
  return day >= 1 && day <= daysInMonth(Number(match[1]), Number(match[2]))
}

/** 0 for a month that is none. */
function daysInMonth(year: number, month: number): number {
  if (month < 1 || month > 12) return 0
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}
