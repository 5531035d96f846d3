import type { Generation } from '../../core/cursor.ts'
import type { Horizon, ReadLimit, TopicsPage } from '../../core/event-log.ts'
import type { Filter } from '../../core/filter.ts'
import type { Retention, RetentionLimits } from '../retention.ts'
import type { GroupOutcome, Opened, Removed } from '../store.ts'
import type { Packed } from './packed-events.ts'

/** What the main thread asks of the writer worker, and what it answers. */
export interface WriterCalls {
  open: { ask: WriterOptions; answer: WriterOpened }
  commit: { ask: { sizes: number[]; received: number; now: number; drafts: Packed }; answer: GroupOutcome }
  probe: { ask: null; answer: null }
  retain: { ask: RetentionLimits; answer: null }
  trim: { ask: { now: number }; answer: null }
  erase: { ask: { offset: number } | { topic: string }; answer: number }
  close: { ask: null; answer: null }
}

export interface WriterOptions {
  directory: string
  durability: 'full' | 'normal'
  retention: Retention
}

export interface WriterOpened extends Opened {
  generations: Generation[]
  /** Things an operator should know about the opening. */
  warnings: string[]
}

export interface ReaderCalls {
  open: { ask: { directory: string }; answer: null }
  read: { ask: { after: number; upTo: number; filter: Filter; limit: ReadLimit }; answer: ReadAnswer }
  readLast: { ask: { before: number; filter: Filter; limit: ReadLimit }; answer: ReadLastAnswer }
  at: { ask: { offset: number }; answer: Packed }
  seek: { ask: { time: number; upTo: number }; answer: number }
  topics: { ask: { filter: Filter; after: string | undefined; limit: number }; answer: TopicsPage }
  close: { ask: null; answer: null }
}

export interface ReadAnswer {
  events: Packed
  position: number
  horizons: readonly Horizon[]
  lostUpTo: number
  lost: string | undefined
}

export interface ReadLastAnswer {
  events: Packed
  position: number
  damaged: boolean
  lost: string | undefined
}

/** What the writer tells without being asked: a step of retention or erasing. */
export type WriterNews = Removed
