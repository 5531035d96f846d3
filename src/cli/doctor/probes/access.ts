import { ADVICE } from '../advice.ts'
import { type Examination, fail, ok, type Probe } from '../probe.ts'
import { WatchedStream } from '../watched-stream.ts'

/** What somebody without a credential may do, who comes this way. */
export const access: Probe = {
  name: 'access',
  needs: ['hub'],
  async run(examination) {
    const { way, topicPath } = examination
    const posted = await way.ask(`/events/${topicPath}`, {
      method: 'POST',
      credential: 'none',
      whateverHappens: true,
      headers: { 'content-type': 'text/plain' },
      body: 'published without a credential',
    })
    if (posted.status === 201) examination.published++
    const reads = await readsWithout(examination)
    const may = [...(posted.status === 201 ? ['publish'] : []), ...(reads ? ['read'] : [])]
    if (may.length === 0) return ok('Without a credential nobody publishes or reads here.')
    const saw = `Everyone who reaches ${way.origin} may ${may.join(' and ')}, without a credential`
    if (way.local) return ok(`${saw}; that is this machine only.`)
    if (posted.status !== 201) return ok(`${saw}, as far as auth.anonymous.subscribe goes.`)
    return fail(`${saw}.`, ADVICE.closed)
  },
}

async function readsWithout({ way }: Examination): Promise<boolean> {
  const stream = WatchedStream.open(way, '/events?type=doctor.quiet', { credential: 'none' })
  try {
    const response = await stream.until(3000, () => stream.response)
    return response?.status === 200
  } finally {
    await stream.close()
  }
}
