import { describe, expect, test } from 'bun:test'
import { bearer, keySettings, testKey } from '../support/access.ts'
import { regranted } from '../support/configured-key.ts'
import { Follower } from '../support/follower.ts'
import { reader } from '../support/granted-hub.ts'
import { type ServedHub, servedHub } from '../support/served-hub.ts'

const follow = (at: ServedHub, path: string, headers: Record<string, string> = {}) =>
  Follower.open(at.url + path, { headers })

describe('a reload', () => {
  test('ends the streams of a key that is gone', async () => {
    const at = await servedHub({ access: keySettings([reader]) })
    const own = await follow(at, '/events', bearer(reader.text))
    await own.first('$open')
    await at.reload(keySettings([testKey('other', {})]))
    await own.over()
    expect(own.messages.slice(-2).map(({ event }) => event)).toEqual(['$error', '$closing'])
    expect(JSON.parse(own.messages.at(-1)!.data)).toMatchObject({ reason: 'credential-revoked', reconnect: false })
    await at.close()
  })

  test('with other grants sends readers round once, to what they may read now', async () => {
    const at = await servedHub({ access: keySettings([reader]) })
    const own = await follow(at, '/events', bearer(reader.text))
    await own.first('$open')
    await at.reload(keySettings([regranted(reader, { subscribe: ['orders/1'] })]))
    expect(JSON.parse((await own.first('$closing')).data)).toMatchObject({ reason: 'grants-changed', reconnect: true })
    const again = await follow(at, '/events', bearer(reader.text))
    expect(JSON.parse((await again.first('$open')).data)).toMatchObject({ topics: ['orders/1'] })
    again.stop()
    await at.close()
  })
})
