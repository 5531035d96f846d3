import type { LoadedConfig } from '../../config/load.ts'
import { HubError } from '../../core/errors.ts'
import { forwardPlan } from '../../webhooks/forward/forward-plan.ts'
import type { Forward } from '../../webhooks/forward/forwards.ts'

const KEY = 'forward'

/** What the configuration sends on, ready to run. @throws HubError `invalid-config`, each bad one on a line of its own */
export function forwardsOf({ config, entries }: Pick<LoadedConfig, 'config' | 'entries'>): Forward[] {
  const origin = entries.find(({ key }) => key.name === KEY)?.origin
  const forwards: Forward[] = []
  const problems: string[] = []
  for (const [index, settings] of config.forwards.entries()) {
    try {
      forwards.push({ plan: forwardPlan(settings), settings })
    } catch (error) {
      if (!(error instanceof HubError) || error.code !== 'invalid-config') throw error
      const place = (error.pointer ?? '').replaceAll('/', '.')
      problems.push(`${origin}: ${KEY}[${index}]${place} (${settings.name}) is refused: ${error.message}`)
    }
  }
  if (problems.length > 0) throw new HubError('invalid-config', problems.join('\n'))
  return forwards
}
