import { openOutlets } from '../../src/storage/open.ts'
import { changeOf, deliveryOf, outletOf } from '../contract/outlet-store.ts'

/**
 * A process that opens the store of outlets in `argv[2]`, says `open`, and makes outlets and records what becomes of
 * them without end; it says what the store has confirmed, and the code of the failure that ends it.
 */
const directory = process.argv[2]!
const pad = 'x'.repeat(500)
try {
  const store = await openOutlets({ durability: 'full', directory, warn: console.error })
  console.log('open')
  const run = String(store.outlets.length)
  const lane = async (name: string) => {
    for (let index = 0; ; index++) {
      const id = `sub_${run}.${name}.${index}`
      await store.put(outletOf(id, { definition: JSON.stringify({ pad }) }))
      console.log(`put ${id}`)
      await store.record([changeOf(id, { progress: `"${id}"`, waiting: [deliveryOf(index + 1)] })])
      console.log(`recorded ${id} ${index + 1}`)
      if (index % 3 !== 0) continue
      await store.remove([id])
      console.log(`removed ${id}`)
    }
  }
  const ended = await Promise.allSettled(['a', 'b', 'c', 'd'].map(lane))
  console.log(`ended ${ended.map((end) => (end as PromiseRejectedResult).reason.code).join(' ')}`)
  // Which needs nothing of the disk.
  console.log(`then ${await store.record([]).catch(({ code }) => code)}`)
  await store.close()
  console.log('closed')
} catch (error) {
  console.log((error as { code: string }).code)
}
