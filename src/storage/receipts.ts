import type { Generations } from '../core/cursor.ts'
import { HubError } from '../core/errors.ts'
import type { Draft, StoredEvent } from '../core/event.ts'
import type { Receipt } from '../core/event-log.ts'
import type { Request } from './group-commit.ts'
import type { Duplicate, GroupOutcome } from './store.ts'

export interface Settled {
  request: Request
  result: Receipt[] | HubError
}

/** What a commit stored, in log order, and what to tell whom. */
export function receiptsOf(
  requests: readonly Request[],
  outcome: GroupOutcome,
  received: number,
  generations: Generations,
): { events: StoredEvent[]; settled: Settled[] } {
  const events: StoredEvent[] = []
  const settled: Settled[] = []
  const epoch = generations.current
  let next = outcome.firstOffset
  requests.forEach((request, index) => {
    const became = outcome.requests[index]!
    if ('conflict' in became) {
      settled.push({ request, result: idConflict(request.drafts[became.conflict]!, became.conflict) })
      return
    }
    if ('damaged' in became) {
      settled.push({ request, result: firstIsLost(request.drafts[became.damaged]!, became.damaged) })
      return
    }
    const known = new Map(became.duplicates.map((duplicate) => [duplicate.index, duplicate]))
    const result = request.drafts.map((draft, place) => {
      const duplicate = known.get(place)
      if (duplicate) return duplicateReceipt(draft, duplicate, generations)
      const event = storedEvent(draft, next++, epoch, received)
      events.push(event)
      return receipt(event)
    })
    settled.push({ request, result })
  })
  return { events, settled }
}

function storedEvent(draft: Draft, offset: number, epoch: string, received: number): StoredEvent {
  const { topic, type, data, isText, id, time, bytes } = draft
  return { topic, type, data, isText, id, time, bytes, offset, epoch, received }
}

function receipt({ offset, epoch, topic, type, id, time, received }: StoredEvent): Receipt {
  return { offset, epoch, topic, type, id, time, received, duplicate: false }
}

function duplicateReceipt(draft: Draft, { offset, received, time }: Duplicate, generations: Generations): Receipt {
  const { topic, type, id } = draft
  return { offset, epoch: generations.epochAt(offset), topic, type, id, time, received, duplicate: true }
}

function idConflict(draft: Draft, index: number): HubError {
  return new HubError(
    'id-conflict',
    `The topic "${draft.topic}" already holds another event with the id "${draft.id}"; publish this one under a new id.`,
    { pointer: `/${index}/id` },
  )
}

function firstIsLost(draft: Draft, index: number): HubError {
  return new HubError(
    'log-corrupt',
    `The event log is damaged where the topic "${draft.topic}" has its event with the id "${draft.id}", and whether this one is the same cannot be told. Publish it under a new id, or stop the hub and restore a backup.`,
    { pointer: `/${index}/id` },
  )
}
