import { openOutlets } from '../../../src/storage/open.ts'
import { outletStoreContract } from '../../contract/outlet-store.ts'
import { tempDir } from '../../support/temp-dir.ts'

const warn = () => {}

for (const durability of ['full', 'normal'] as const) {
  outletStoreContract(`the store of outlets in SQLite, durability ${durability}`, async () => {
    const directory = tempDir()
    const open = () => openOutlets({ durability, directory: directory.path, warn })
    let store = await open()
    return {
      store,
      reopen: async () => {
        await store.close()
        store = await open()
        return store
      },
      close: async () => {
        await store.close()
        directory[Symbol.dispose]()
      },
    }
  })
}

outletStoreContract('the store of outlets in memory', async () => {
  const store = await openOutlets({ durability: 'memory', directory: '/nowhere/at-all', warn })
  return { store, reopen: undefined, close: () => store.close() }
})
