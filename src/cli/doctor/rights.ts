import { mayPublish } from '../../core/grants.ts'
import { matchesTopic } from '../../core/pattern.ts'
import type { Examination } from './probe.ts'

/** A type that nobody publishes: the stream of it is quiet, on a busy hub too. */
const QUIET = 'doctor.quiet'

export function mayWrite({ known, topic }: Examination): boolean {
  return known.caller !== undefined && mayPublish(known.caller.grants, topic)
}

/** Whether events of the doctor's topic come back. */
export function mayReadTopic({ known, topic }: Examination): boolean {
  const { subscribe = [], types = [] } = known.caller?.grants ?? {}
  return types.length === 0 && subscribe.some((pattern) => matchesTopic(pattern, topic))
}

/** The stream of the doctor's topic, or of nothing at all where that may not be read. */
export function streamPath(examination: Examination): string {
  return mayReadTopic(examination) ? `/events/${examination.events.path}` : quietPath(examination)
}

/** A stream on which nothing happens but heartbeats. */
export function quietPath(examination: Examination): string {
  const path = mayReadTopic(examination) ? `/events/${examination.events.path}` : '/events'
  return `${path}?type=${QUIET}&heartbeat=event`
}
