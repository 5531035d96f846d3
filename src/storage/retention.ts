import { HubError } from '../core/errors.ts'
import type { Horizon } from '../core/event-log.ts'
import type { Filter } from '../core/filter.ts'
import { matchesTopic, overlaps, type Pattern, parsePattern } from '../core/pattern.ts'

/** What a retention group may hold. An event that is above any one of them goes, oldest first. */
export interface RetentionLimits {
  maxAgeMs: number
  maxEvents: number
  /** Sum of `bytes` of the events (UTF-8 of topic, type, id and data): file overhead comes on top, about 40 bytes each. */
  maxBytes: number
}

/** A rule for the topics that match `pattern` and no earlier rule; what it leaves out is as in the global limits. */
export interface RetentionRule extends Partial<RetentionLimits> {
  pattern: string
}

export interface Retention extends RetentionLimits {
  topics: readonly RetentionRule[]
}

/** What a group is stored under. The default group has the empty pattern, which no rule can have. */
export interface StoredHorizon {
  pattern: string
  horizon: Horizon
}

export const NO_HORIZON: Horizon = { offset: 0, received: 0 }

/**
 * Who shares limits with whom: every rule is a group, and all other topics are the default group, which is the last.
 * Limits count within a group, so a chatty topic with a rule of its own never pushes out the rare event.
 */
export class RetentionGroups {
  readonly #rules: readonly Pattern[]
  readonly limits: readonly RetentionLimits[]
  readonly #own: readonly RetentionRule[]

  /** @throws HubError `invalid-config` (two rules with one pattern), `invalid-pattern` */
  constructor(retention: Retention) {
    this.#rules = retention.topics.map((rule) => parsePattern(rule.pattern))
    const repeated = this.#rules.find((rule, index) => this.#rules.findIndex(({ text }) => text === rule.text) < index)
    if (repeated) {
      throw new HubError(
        'invalid-config',
        `Two retention rules have the pattern "${repeated.text}" and only the first could ever apply; remove one.`,
      )
    }
    this.#own = retention.topics
    this.limits = limitsOf(retention.topics, retention)
  }

  /** Other global limits from now on, and with them what the rules leave out. */
  replace(limits: RetentionLimits): void {
    for (const [group, next] of limitsOf(this.#own, limits).entries()) Object.assign(this.limits[group]!, next)
  }

  get count(): number {
    return this.limits.length
  }

  /** What the operator calls a group. */
  nameOf(group: number): string {
    const rule = this.#rules[group]
    if (rule) return `"${rule.text}"`
    return this.#rules.length === 0 ? 'all topics' : 'the topics without a rule of their own'
  }

  groupOf(topic: string): number {
    const index = this.#rules.findIndex((rule) => matchesTopic(rule, topic))
    return index < 0 ? this.#rules.length : index
  }

  /** The highest horizon among the groups that can hold something `filter` matches. */
  horizon(filter: Filter, horizons: readonly Horizon[]): Horizon {
    return horizonOf(filter.patterns, this.#rules, horizons)
  }

  /**
   * The horizons under these rules, given what is stored of earlier ones: a topic may now belong to another group than
   * the one that lost its events, and what is gone must stay said. May say too much, never too little.
   */
  carry(stored: readonly StoredHorizon[]): Horizon[] {
    const fallback = stored.find((group) => group.pattern === '')?.horizon ?? NO_HORIZON
    const earlier = stored.filter((group) => group.pattern !== '')
    if (this.#rules.map((rule) => rule.text).join(' ') === earlier.map((group) => group.pattern).join(' ')) {
      return [...earlier.map((group) => group.horizon), fallback]
    }
    const patterns = earlier.map((group) => parsePattern(group.pattern))
    const horizons = [...earlier.map((group) => group.horizon), fallback]
    const kept = new Set(this.#rules.map((rule) => rule.text))
    const vanished = earlier.filter((group) => !kept.has(group.pattern)).map((group) => group.horizon)
    return [...this.#rules.map((rule) => horizonOf([rule], patterns, horizons)), highest([...vanished, fallback])]
  }

  /** What to store so that `carry` understands it. */
  store(horizons: readonly Horizon[]): StoredHorizon[] {
    return horizons.map((horizon, index) => ({ pattern: this.#rules[index]?.text ?? '', horizon }))
  }
}

/** Of each rule, and last those of all other topics. */
function limitsOf(
  rules: readonly RetentionRule[],
  { maxAgeMs, maxEvents, maxBytes }: RetentionLimits,
): RetentionLimits[] {
  const limits = { maxAgeMs, maxEvents, maxBytes }
  return [
    ...rules.map((rule) => ({
      maxAgeMs: rule.maxAgeMs ?? maxAgeMs,
      maxEvents: rule.maxEvents ?? maxEvents,
      maxBytes: rule.maxBytes ?? maxBytes,
    })),
    limits,
  ]
}

function horizonOf(patterns: readonly Pattern[], rules: readonly Pattern[], horizons: readonly Horizon[]): Horizon {
  const reached = new Set<number>()
  for (const pattern of patterns) {
    let index = 0
    for (; index < rules.length; index++) {
      const rule = rules[index]!
      if (overlaps(rule, pattern)) reached.add(index)
      if (covers(rule, pattern)) break
    }
    if (index === rules.length) reached.add(index)
  }
  return highest([...reached].map((index) => horizons[index]!))
}

function highest(horizons: readonly Horizon[]): Horizon {
  return horizons.reduce((best, next) => (next.offset > best.offset ? next : best), NO_HORIZON)
}

/** Whether `wide` matches every topic that `narrow` matches. */
function covers(wide: Pattern, narrow: Pattern): boolean {
  const counts = wide.open
    ? narrow.segments.length >= wide.segments.length
    : !narrow.open && narrow.segments.length === wide.segments.length
  return counts && wide.segments.every((segment, index) => segment === '*' || segment === narrow.segments[index])
}
