import { describe, expect, test } from 'bun:test'
import type { OutletChange, OutletStore, StoredOutlet, WaitingDelivery } from '../../src/core/outlet-store.ts'

export interface OpenedStore {
  store: OutletStore
  /** Closes it and opens what it has left behind; `undefined`: it leaves nothing. */
  reopen: (() => Promise<OutletStore>) | undefined
  close(): Promise<void>
}

export function outletOf(id: string, more: Partial<StoredOutlet> = {}): Omit<StoredOutlet, 'waiting'> {
  return { id, definition: `{"of":"${id}"}`, progress: '{"at":0}', ...more }
}

export function deliveryOf(offset: number, more: Partial<WaitingDelivery> = {}): WaitingDelivery {
  return { offset, attempts: 1, firstAt: 1_000, dueAt: 2_000, cursor: `k3f9a2b7.${offset - 1}`, ...more }
}

export function changeOf(id: string, more: Partial<OutletChange> = {}): OutletChange {
  return { id, progress: '{"at":1}', waiting: [], settled: [], ...more }
}

/** What every implementation of the port does. */
export function outletStoreContract(name: string, open: () => Promise<OpenedStore>): void {
  describe(name, () => {
    async function withStore(run: (opened: OpenedStore) => Promise<void>): Promise<void> {
      const opened = await open()
      try {
        await run(opened)
      } finally {
        await opened.close()
      }
    }

    /** What is there after `run`, in a store that leaves something behind. */
    async function leaves(
      run: (store: OutletStore) => Promise<unknown>,
      check: (store: OutletStore) => void,
    ): Promise<void> {
      await withStore(async ({ store, reopen }) => {
        await run(store)
        if (reopen) check(await reopen())
      })
    }

    test('is empty at first, and what it was opened with does not change', () =>
      withStore(async ({ store }) => {
        await store.put(outletOf('sub_a'))
        await store.verify({ principal: 'ci', url: 'https://a.example/', at: 1 })
        expect([store.outlets, store.verified]).toEqual([[], []])
      }))

    test('keeps outlets in the order they were made, and takes another definition of one', () =>
      leaves(
        async (store) => {
          await store.put(outletOf('sub_b'))
          await store.put(outletOf('sub_a'))
          await store.put(outletOf('sub_b', { definition: '{"new":1}', progress: '{"at":7}' }))
        },
        (store) =>
          expect(store.outlets).toEqual([
            { id: 'sub_b', definition: '{"new":1}', progress: '{"at":7}', waiting: [] },
            { ...outletOf('sub_a'), waiting: [] },
          ]),
      ))

    test('keeps what waits, by offset; another attempt replaces the one before, and another definition lets it be', () =>
      leaves(
        async (store) => {
          await store.put(outletOf('sub_a'))
          await store.record([changeOf('sub_a', { waiting: [deliveryOf(9), deliveryOf(4), deliveryOf(5)] })])
          await store.record([
            changeOf('sub_a', { progress: '{"at":2}', waiting: [deliveryOf(4, { attempts: 2 })], settled: [5] }),
          ])
          await store.put(outletOf('sub_a', { definition: '{"new":1}' }))
        },
        (store) =>
          expect(store.outlets).toEqual([
            {
              ...outletOf('sub_a'),
              definition: '{"new":1}',
              waiting: [deliveryOf(4, { attempts: 2 }), deliveryOf(9)],
            },
          ]),
      ))

    test('keeps nothing of an outlet that is gone, nor of one that comes after it with the same id', () =>
      leaves(
        async (store) => {
          await store.put(outletOf('sub_a'))
          await store.put(outletOf('sub_b'))
          await store.record([changeOf('sub_a', { waiting: [deliveryOf(4)] })])
          await store.remove(['sub_a', 'never'])
          await store.record([changeOf('sub_a', { waiting: [deliveryOf(6)] }), changeOf('sub_b')])
          await store.put(outletOf('sub_a'))
        },
        (store) =>
          expect(store.outlets).toEqual([
            { ...outletOf('sub_b', { progress: '{"at":1}' }), waiting: [] },
            { ...outletOf('sub_a'), waiting: [] },
          ]),
      ))

    test('knows callbacks by principal and URL together', () =>
      leaves(
        async (store) => {
          const url = 'https://a.example/'
          await store.verify({ principal: 'a', url, at: 1 })
          await store.verify({ principal: 'b', url, at: 2 })
          await store.verify({ principal: 'c', url, at: 3 })
          await store.verify({ principal: 'b', url, at: 4 })
          await store.forgetVerified([
            { principal: 'a', url },
            { principal: 'a', url: 'https://b.example/' },
          ])
        },
        (store) =>
          expect([...store.verified].sort((a, b) => a.at - b.at)).toEqual([
            { principal: 'c', url: 'https://a.example/', at: 3 },
            { principal: 'b', url: 'https://a.example/', at: 4 },
          ]),
      ))

    test('carries calls out in the order they were made, though nobody waits in between', () =>
      leaves(
        (store) =>
          Promise.all(
            Array.from({ length: 500 }, (_, n) => [
              store.put(outletOf('sub_a', { progress: `{"at":${n}}` })),
              store.record([changeOf('sub_a', { progress: `{"at":"${n}"}`, waiting: [deliveryOf(n + 1)] })]),
              store.record([changeOf('sub_a', { progress: `{"at":"${n}."}`, settled: [n] })]),
              n % 2 === 0 ? store.remove(['sub_a']) : store.put(outletOf(`sub_${n}`)),
            ]).flat(),
          ),
        (store) => {
          expect(store.outlets).toHaveLength(251)
          expect(store.outlets.find(({ id }) => id === 'sub_a')).toEqual({
            ...outletOf('sub_a', { progress: '{"at":"499."}' }),
            waiting: [deliveryOf(500)],
          })
        },
      ))

    test('waits at its end for what was asked, and takes nothing after it', () =>
      leaves(
        async (store) => {
          const asked = [store.put(outletOf('sub_a')), store.record([changeOf('sub_a')])]
          await Promise.all([store.close(), store.close()])
          expect(await Promise.allSettled(asked)).toEqual(
            asked.map(() => ({ status: 'fulfilled', value: undefined as never })),
          )
          for (const late of [
            () => store.put(outletOf('sub_b')),
            () => store.remove(['sub_a']),
            () => store.record([]),
            () => store.verify({ principal: 'a', url: 'u', at: 1 }),
            () => store.forgetVerified([]),
          ]) {
            expect(await late().catch(({ code }) => code)).toBe('log-closed')
          }
        },
        (store) => expect(store.outlets).toEqual([{ ...outletOf('sub_a', { progress: '{"at":1}' }), waiting: [] }]),
      ))
  })
}
