import { plain } from '../../display.ts'
import { ADVICE } from '../advice.ts'
import { type Examination, type Finding, fail, ok, type Probe, skipped, warn } from '../probe.ts'
import { fieldsOf } from '../way.ts'

/** Whether the hub knows the address it is reached by: in the URLs it makes, and as the origin of its own page. */
export const host: Probe = {
  name: 'host',
  needs: ['hub'],
  async run(examination) {
    const made = await ticketUrl(examination)
    return made === undefined ? await byOrigin(examination) : judged(made, examination)
  },
}

/** The address of a stream as the hub tells it to pages. The ticket in it reads a topic of the doctor’s, for a minute. */
async function ticketUrl({ way, topic, known }: Examination): Promise<URL | undefined> {
  if (!known.caller) return undefined
  const answer = await way.ask('/tickets', {
    method: 'POST',
    headers: { origin: way.origin, 'content-type': 'application/json' },
    body: JSON.stringify({ topics: [topic], ttl: 60 }),
  })
  const { url } = fieldsOf(answer.text)
  return (answer.status === 201 && typeof url === 'string' && URL.parse(url)) || undefined
}

function judged(made: URL, { way }: Examination): Finding {
  const told = `${made.origin}${made.pathname.replace(/\/events$/, '')}`.replace(/\/$/, '')
  if (told === way.url) return ok(`The hub knows itself as ${plain(told)}.`)
  if (made.origin === way.origin) {
    return warn(`Reached by ${way.url}, the hub tells pages ${plain(told)}.`, ADVICE.path)
  }
  return fail(
    `Reached by ${way.url}, the hub takes itself for ${plain(told)}: its own page is a stranger, and the URLs it makes lead elsewhere.`,
    ADVICE.host,
  )
}

/** Without rights: a page of the hub’s own origin needs no leave, so that the hub sends it none. */
async function byOrigin({ way }: Examination): Promise<Finding> {
  const [none, own] = await Promise.all([
    way.ask('/livez', { credential: 'none' }),
    way.ask('/livez', { credential: 'none', headers: { origin: way.origin } }),
  ])
  const allowed = 'access-control-allow-origin'
  if (none.headers.has(allowed))
    return skipped('Not to be seen without a key that may read: the proxy sends CORS headers.')
  if (own.status === 200 && !own.headers.has(allowed)) return ok(`The hub takes pages of ${way.origin} for its own.`)
  return fail(`The hub takes a page of ${way.origin} for a stranger’s: it is reached by another name.`, ADVICE.host)
}
