import { readdir } from 'node:fs/promises'
import type { Clock } from '../core/clock.ts'

/** To read them all takes another thread 5 ms of 10,000. */
const EVERY_MS = 10_000
/** Of the limit: said above the first, and over below the second. */
const NEARLY_ALL = 0.95
const FEWER = 0.9

export interface DescriptorWatchOptions {
  /** How many this process may have; `undefined` where that cannot be told, and nothing is watched. */
  limit: number | undefined
  clock: Clock
  /** Sentences for the operator. */
  warn(sentence: string): void
  /** How many are open. Rejects with the code `EMFILE` when not even the asking gets one. */
  count?: () => Promise<number>
}

/**
 * Says when descriptors run out. Nothing else would: what cannot be accepted is in no log and no metric, /metrics does
 * not answer either, and the runtime (Bun 1.4.5) takes a whole processor for trying. @returns what stops it
 */
export function watchDescriptors({ limit, clock, warn, count = openDescriptors }: DescriptorWatchOptions): () => void {
  if (limit === undefined) return () => {}
  let asked = false
  let short = false
  const round = async (): Promise<void> => {
    if (asked) return
    asked = true
    try {
      const open = await count().catch(unlessNoneIsLeft)
      if (open === undefined || open >= limit * NEARLY_ALL) {
        if (!short) warn(shortage(open ?? limit, limit))
        short = true
      } else if (short && open < limit * FEWER) {
        short = false
        warn(`there are descriptors again: ${open} of ${limit} are open.`)
      }
    } catch {
      // No /proc (some containers): nobody can tell.
    } finally {
      asked = false
    }
  }
  return clock.every(EVERY_MS, () => void round())
}

async function openDescriptors(): Promise<number> {
  return (await readdir('/proc/self/fd')).length
}

function unlessNoneIsLeft(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'EMFILE' && error.code !== 'ENFILE') throw error
}

function shortage(open: number, limit: number): string {
  return (
    `${open} of ${limit} descriptors are open; when none is left, new connections wait unanswered. ` +
    'See who holds them (ss -tn), lower limits.connections, or raise the limit (LimitNOFILE=, ulimit -Hn).'
  )
}
