import { expect, test } from 'bun:test'
import { parseGrants } from '../../../src/core/grants.ts'
import { bearer, keySettings, testKey } from '../../support/access.ts'
import { answeringProxy } from '../../support/answering-proxy.ts'
import { checkOf, doctor, examinedHub, troubles } from '../../support/doctor.ts'

test('an open hub behind a proxy is open to whoever reaches that, though the hub sees this machine only', async () => {
  const hub = await examinedHub()
  try {
    await using proxy = answeringProxy(hub.url, { server: 'nginx/1.22.1' })
    const { examined, exitCode } = await doctor(proxy.url)
    expect(troubles(examined)).toMatchObject({ access: 'fail' })
    const { saw, change } = checkOf(examined, 'access')
    expect(saw).toBe('Everyone who reaches nginx/1.22.1 may publish and read, without a credential.')
    expect(change[0]).toStartWith('Give the hub a key')
    expect(exitCode).toBe(1)
    expect(troubles((await doctor(hub.url)).examined)).toEqual({})
    // A proxy that says nothing of itself, named by whoever looks.
    await using silent = answeringProxy(hub.url, {})
    const named = await doctor(silent.url, { args: ['--proxy', 'haproxy'] })
    expect(troubles(named.examined)).toMatchObject({ access: 'fail' })
  } finally {
    await hub.close()
  }
})

test('a hub that has a key and lets everyone publish is told of the setting that does so', async () => {
  const key = testKey('doctor', { publish: ['**'], subscribe: ['**'], admin: true })
  const anonymous = parseGrants({ publish: ['doctor/**'] })
  const hub = await examinedHub({ access: keySettings([key], { anonymous }) })
  try {
    await using proxy = answeringProxy(hub.url, { server: 'Caddy' })
    const { examined } = await doctor(proxy.url, { key: key.text })
    const { verdict, saw, change } = checkOf(examined, 'access')
    expect({ verdict, saw }).toEqual({
      verdict: 'fail',
      saw: 'Everyone who reaches Caddy may publish, without a credential.',
    })
    expect(change[0]).toStartWith('Take auth.anonymous.publish out of the settings')
    expect(examined.left).toBeNull()
    expect(await hub.stored()).toEqual([])
    expect((await hub.fetch('/topics', { headers: bearer(key.text) })).status).toBe(200)
  } finally {
    await hub.close()
  }
})
