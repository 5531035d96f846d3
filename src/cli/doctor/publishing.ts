import type { Examination } from './probe.ts'
import { fieldsOf } from './way.ts'

export interface Published {
  cursor: string
  /** `performance.now()` when the hub had said that it is stored. */
  at: number
}

/** It was not stored. */
export class NotPublished extends Error {
  readonly status: number

  constructor(status: number) {
    super(`publishing was answered with ${status}`)
    this.name = 'NotPublished'
    this.status = status
  }
}

/** One event of the doctor's topic. @throws NotPublished, NoAnswer */
export async function publish(examination: Examination, data: string, type = 'message'): Promise<Published> {
  const { way, topicPath } = examination
  // Counted before: without an answer it may have been stored.
  examination.published++
  const { status, text } = await way.ask(`/events/${topicPath}?type=${type}`, {
    method: 'POST',
    // One that is on its way would be stored after what is erased at the end.
    whateverHappens: true,
    headers: { 'content-type': 'text/plain' },
    body: data,
  })
  const { cursor } = fieldsOf(text)
  if (status !== 201 || typeof cursor !== 'string') {
    examination.published--
    throw new NotPublished(status)
  }
  return { cursor, at: performance.now() }
}

/** Takes back what was published. @returns what is left, as a sentence; `undefined` if nothing is */
export async function erase(examination: Examination): Promise<string | undefined> {
  const { way, topic, topicPath, published, known } = examination
  if (published === 0) return undefined
  const left = `${published} events of ${topic} stay until retention takes them`
  if (!known.caller?.grants.admin) return `${left}: the key may not erase.`
  try {
    const { status } = await way.ask(`/topics/${topicPath}`, { method: 'DELETE', whateverHappens: true })
    return status === 204 || status === 404
      ? undefined
      : `${left}: DELETE /topics/${topic} was answered with ${status}.`
  } catch (error) {
    return `${left}: ${error instanceof Error ? error.message : String(error)}.`
  }
}
