import { defaultPending, type LogOptions } from '../../src/storage/open.ts'
import type { Retention } from '../../src/storage/retention.ts'
import { ManualClock } from './manual-clock.ts'

export interface LogChoices extends Partial<Omit<LogOptions, 'retention'>> {
  retention?: Partial<Retention>
}

/** Options of a log that keeps everything for long. */
export function logOptions({ retention, ...choices }: LogChoices = {}): LogOptions {
  return {
    durability: 'full',
    directory: '',
    retention: { maxAgeMs: 86_400_000, maxEvents: 1_000_000, maxBytes: 2 ** 30, topics: [], ...retention },
    pending: defaultPending,
    clock: new ManualClock(),
    warn: () => {},
    ...choices,
  }
}
