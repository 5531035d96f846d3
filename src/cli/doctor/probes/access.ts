import { mayPublish } from '../../../core/grants.ts'
import { plain } from '../../display.ts'
import { ADVICE } from '../advice.ts'
import { NotPublished } from '../own-events.ts'
import { type Examination, type Finding, fail, ok, type Probe, skipped } from '../probe.ts'
import { WatchedStream } from '../watched-stream.ts'
import { callerIn } from './credential.ts'

/** What somebody without a credential may do, who comes this way. */
export const access: Probe = {
  name: 'access',
  needs: ['hub'],
  async run(examination) {
    const { way, known, topic } = examination
    const stranger = callerIn(await way.ask('/whoami', { credential: 'none' }))
    const refusal = await refusalOfPublishing(examination)
    const publishes = refusal === undefined || (stranger && isForNow(refusal) && mayPublish(stranger.grants, topic))
    if (!publishes && isForNow(refusal)) return skipped(refusal.message)
    const may = [...(publishes ? ['publish'] : []), ...((await readsWithout(examination)) ? ['read'] : [])]
    if (may.length === 0) return ok('Without a credential nobody publishes or reads here.')
    const { proxy } = known
    const place = way.local && proxy ? plain(proxy.name) : way.origin
    const saw = `Everyone who reaches ${place} may ${may.join(' and ')}, without a credential`
    // What is in front may listen for others, and they are this machine to the hub.
    if (way.local && !proxy) return ok(`${saw}; that is this machine only.`)
    if (!publishes) return ok(`${saw}, as far as auth.anonymous.subscribe goes.`)
    return openTo(`${saw}.`, stranger?.mode)
  },
}

function openTo(saw: string, mode: string | undefined): Finding {
  return fail(saw, mode === 'credentials' ? ADVICE.anonymous : ADVICE.closed)
}

/** `undefined`: it was stored. */
async function refusalOfPublishing({ events }: Examination): Promise<NotPublished | undefined> {
  try {
    await events.publish('published without a credential', { credential: 'none' })
    return undefined
  } catch (error) {
    if (error instanceof NotPublished) return error
    throw error
  }
}

/** The hub would have to know who it is: what it refused it for has nothing to do with that. */
function isForNow({ status, code }: NotPublished): boolean {
  return code !== undefined && status !== 401 && status !== 403
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
