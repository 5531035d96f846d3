import { type ForwardSettings, forwardPlan } from '../../src/webhooks/forward/forward-plan.ts'
import type { Forward } from '../../src/webhooks/forward/forwards.ts'

/** A forward called `chat` of `alerts/**`, in order, as the configuration makes it. */
export function configuredForward(url: string, settings: Partial<ForwardSettings> = {}): Forward {
  const full: ForwardSettings = {
    name: 'chat',
    topics: ['alerts/**'],
    types: [],
    url,
    headers: {},
    body: '{"text": "{{topic}}: {{data}}"}',
    secret: undefined,
    bearer: undefined,
    private: true,
    atOnce: 1,
    ...settings,
  }
  return { plan: forwardPlan(full), settings: full }
}
