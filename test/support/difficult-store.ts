import { HubError } from '../../src/core/errors.ts'
import type { OutletStore, StoredOutlet } from '../../src/core/outlet-store.ts'

type Writing = 'put' | 'remove' | 'record'

/** A store on a disk that is full, or slow; what it does otherwise is what the real one does. */
export class DifficultStore {
  /** Calls of these are refused. */
  readonly full = new Set<Writing>()
  /** Between a put that is done and its answer. */
  afterPut: () => void | Promise<void> = () => {}
  /** What was asked of it, in that order. */
  readonly calls: { what: Writing; ids: readonly string[] }[] = []
  /** Of one that was put: how far it was. */
  readonly puts: Omit<StoredOutlet, 'waiting'>[] = []

  readonly over = (store: OutletStore): OutletStore => {
    const attempt = (what: Writing, ids: readonly string[], run: () => Promise<void>) => {
      this.calls.push({ what, ids })
      return this.full.has(what) ? Promise.reject(new HubError('disk-full', 'The disk is full.')) : run()
    }
    return {
      durable: store.durable,
      outlets: store.outlets,
      verified: store.verified,
      put: async (outlet) => {
        this.puts.push(outlet)
        await attempt('put', [outlet.id], () => store.put(outlet))
        await this.afterPut()
      },
      remove: (ids) => attempt('remove', ids, () => store.remove(ids)),
      record: (changes) =>
        attempt(
          'record',
          changes.map(({ id }) => id),
          () => store.record(changes),
        ),
      verify: (callback) => store.verify(callback),
      forgetVerified: (callbacks) => store.forgetVerified(callbacks),
      close: () => store.close(),
    }
  }
}
