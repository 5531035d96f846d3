import { setTimeout as delay } from 'node:timers/promises'
import { ADVICE } from './advice.ts'
import { NotPublished } from './own-events.ts'
import { type Examination, type Finding, fail, type Need, type Probe, skipped, warn } from './probe.ts'
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
import { StreamRefused } from './stream-refused.ts'
import { NoAnswer } from './way.ts'

/** Beside each other, once it is known whether streams come through. */
const BESIDE: readonly Probe[] = [idle, host, headers, compression, replay, cors, mcp, mcp2024, size, access]

const INTERRUPTED = skipped('Interrupted.')
/** How often a stream is asked for again that the hub did not take, and how long it is given to see that others are gone. */
const TRIES = 5
const BETWEEN_MS = 300

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
  const one = async (probe: Probe, tries = 1): Promise<Finding> => {
    const finding = await findingOf(probe, hub, examination, tries)
    await found({ probe: probe.name, finding })
    return finding
  }
  // No key goes over a connection that is not in order.
  const certified = (await one(tls)).verdict !== 'fail'
  if (certified) hub = (await one(reach)).verdict !== 'fail'
  else await found({ probe: reach.name, finding: skipped('Nothing is sent over this connection.') })
  await one(credential)
  // Alone: where few streams may be open, none of the doctor's own is in its way.
  await one(buffering)
  const refused: Probe[] = []
  const beside = BESIDE.map(async (probe) => {
    await one(probe).catch((error: unknown) => {
      if (!(error instanceof StreamRefused)) throw error
      refused.push(probe)
    })
  })
  await Promise.all(beside)
  for (const probe of refused) await one(probe, TRIES)
  await one(restart, TRIES)
  return await examination.events.erase(examination.known.caller?.grants.admin === true)
}

/** @throws StreamRefused when it is tried only once */
async function findingOf(probe: Probe, hub: boolean, examination: Examination, tries: number): Promise<Finding> {
  const lacking = lackOf(probe.needs, hub, examination)
  if (lacking) return skipped(lacking)
  for (let left = tries; ; left--) {
    try {
      const finding = await probe.run(examination)
      return examination.way.signal.aborted ? INTERRUPTED : finding
    } catch (error) {
      if (examination.way.signal.aborted) return INTERRUPTED
      if (!(error instanceof StreamRefused)) return findingOfFailure(error)
      if (tries === 1) throw error
      if (left === 1) return skipped(error.message)
      await delay(BETWEEN_MS)
    }
  }
}

/** What was seen is a problem. What the hub refuses by its own rules, and what went wrong here, is none of the way. */
function findingOfFailure(error: unknown): Finding {
  if (error instanceof NotPublished) {
    return error.code === undefined ? fail(error.message, ADVICE.methods) : skipped(error.message)
  }
  if (error instanceof NoAnswer) return fail(error.message)
  return warn(`It could not be looked at: ${error instanceof Error ? error.message : String(error)}`)
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
