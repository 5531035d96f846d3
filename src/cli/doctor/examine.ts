import { type Examination, type Finding, fail, type Need, type Probe, skipped } from './probe.ts'
import { access } from './probes/access.ts'
import { buffering } from './probes/buffering.ts'
import { compression } from './probes/compression.ts'
import { cors } from './probes/cors.ts'
import { credential } from './probes/credential.ts'
import { headers } from './probes/headers.ts'
import { host } from './probes/host.ts'
import { idle } from './probes/idle.ts'
import { mcp } from './probes/mcp.ts'
import { mcp2024 } from './probes/mcp-2024.ts'
import { reach } from './probes/reach.ts'
import { replay } from './probes/replay.ts'
import { restart } from './probes/restart.ts'
import { size } from './probes/size.ts'
import { tls } from './probes/tls.ts'
import { erase } from './publishing.ts'

/** Beside each other, once it is known whether streams come through. */
const BESIDE: readonly Probe[] = [host, headers, compression, replay, cors, mcp, mcp2024, size, access]

const INTERRUPTED = skipped('Interrupted.')

export interface Examined {
  probe: string
  finding: Finding
}

/**
 * Runs every probe once, tells each finding when it is there, and takes back what was published. Nothing a probe throws
 * ends the run. @returns what is left of what was published, as a sentence
 */
export async function examine(
  examination: Examination,
  found: (examined: Examined) => Promise<void>,
): Promise<string | undefined> {
  let hub = false
  const one = async (probe: Probe): Promise<Finding> => {
    const finding = await findingOf(probe, hub, examination)
    await found({ probe: probe.name, finding })
    return finding
  }
  // No key goes over a connection that is not in order.
  const certified = (await one(tls)).verdict !== 'fail'
  if (certified) hub = (await one(reach)).verdict !== 'fail'
  else await found({ probe: reach.name, finding: skipped('Nothing is sent over this connection.') })
  await one(credential)
  const quiet = one(idle)
  try {
    await one(buffering)
    await Promise.all(BESIDE.map(one))
  } finally {
    await quiet
  }
  await one(restart)
  return await erase(examination)
}

async function findingOf(probe: Probe, hub: boolean, examination: Examination): Promise<Finding> {
  const lacking = lackOf(probe.needs, hub, examination)
  if (lacking) return skipped(lacking)
  try {
    const finding = await probe.run(examination)
    return examination.way.signal.aborted ? INTERRUPTED : finding
  } catch (error) {
    if (examination.way.signal.aborted) return INTERRUPTED
    return fail(`It could not be looked at: ${error instanceof Error ? error.message : String(error)}.`)
  }
}

function lackOf(needs: readonly Need[], hub: boolean, examination: Examination): string | undefined {
  const { way, known } = examination
  if (way.signal.aborted) return INTERRUPTED.saw
  const sentences: Record<Need, string | undefined> = {
    hub: hub ? undefined : 'No hub is reached.',
    caller: known.caller ? undefined : 'The hub knows no caller: it takes a key that arrives.',
    subscribe: known.caller?.grants.subscribe.length ? undefined : 'The key may not read.',
    stream: known.streams ? undefined : 'No stream begins: see buffering.',
  }
  for (const need of ['hub', 'caller', 'subscribe', 'stream'] as const) {
    if (needs.includes(need) && sentences[need]) return sentences[need]
  }
  return undefined
}
