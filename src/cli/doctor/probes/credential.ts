import { type GrantsDocument, parseGrants } from '../../../core/grants.ts'
import { plain } from '../../display.ts'
import { ADVICE } from '../advice.ts'
import { type Caller, type Finding, fail, ok, type Probe, skipped } from '../probe.ts'
import { type Answer, fieldsOf } from '../way.ts'

const NO_KEY = { general: 'MCP_SSE_KEY=<key> mcp-sse doctor <url>   for the checks that need one' }
/** Nobody's key: whether it arrives is seen in the refusal. */
const NOBODY = 'Bearer doctor-has-no-key'

/** Whether `Authorization` arrives, and who the hub takes the caller for. */
export const credential: Probe = {
  name: 'credential',
  needs: ['hub'],
  async run({ way, known }) {
    const answer = await way.ask('/whoami')
    known.caller = callerIn(answer)
    if (known.caller) {
      const { principal, mode } = known.caller
      if (mode === 'open') return ok('The hub is in open mode: it asks nobody for a key.')
      if (way.hasKey) return ok(`The key arrives: ${plain(principal)}.`)
    }
    if (way.hasKey) return refused(answer)
    const other = await way.ask('/whoami', { headers: { authorization: NOBODY } })
    if (other.code === 'credential-missing') return lost()
    return skipped('No key was given, so what needs one is not looked at. The header Authorization arrives.', NO_KEY)
  },
}

/** `undefined`: the hub lets nobody in with that, or it is not the hub that answers. */
export function callerIn({ status, text }: Answer): Caller | undefined {
  if (status !== 200) return undefined
  const { principal, mode, grants } = fieldsOf(text)
  if (typeof principal !== 'string' || typeof mode !== 'string' || typeof grants !== 'object') return undefined
  return { principal, mode, grants: parseGrants(grants as Partial<GrantsDocument>) }
}

function refused({ status, code, detail, headers }: Answer): Finding {
  if (code === 'credential-missing') return lost()
  if (code) {
    return fail(`The hub refuses the key: ${plain(detail ?? '')} [${code}]`, {
      general: 'mcp-sse key list   on the hub’s machine names the keys it knows',
    })
  }
  const asks = headers.get('www-authenticate')
  return fail(
    `/whoami answered ${status}, and not by the hub${asks ? `; something in front asks for ${plain(asks)}` : ''}.`,
    ADVICE.authorization,
  )
}

function lost(): Finding {
  return fail(
    'The header Authorization does not arrive: the hub says that no credential was shown.',
    ADVICE.authorization,
  )
}
