import * as z from 'zod'
import type { PublishRate } from '../../../auth/publish-rate.ts'
import { draftFrom, MAX_DATA_BYTES } from '../../../core/draft.ts'
import { HubError } from '../../../core/errors.ts'
import { eventCursor, eventId, eventTime } from '../../../core/event.ts'
import { requirePublish } from '../../../core/grants.ts'
import type { Hub } from '../../../core/hub.ts'
import { MAX_JSON_DEPTH, requireJsonDepth } from '../../../core/json-depth.ts'
import { anyJson } from '../any-json.ts'
import type { Tool } from '../catalogue.ts'
import { defineTool } from '../tool.ts'

export interface PublishEventOptions {
  hub: Pick<Hub, 'admission' | 'publish'>
  rate: Pick<PublishRate, 'require' | 'take'>
}

const input = z.strictObject({
  topic: z
    .string()
    .describe('Where to publish: a path such as orders/42 or deploys/web. No white space, no *, at most 512 bytes.'),
  type: z
    .string()
    .optional()
    .describe('Kind of event, such as order.paid; default message. Readers can ask for some types only.'),
  data: anyJson.describe(
    'What happened: any JSON value, or text. Send JSON as itself, such as {"total": 99}, not written into a string; a string is text to its readers. At most 252 KiB as JSON. Numbers with more than 15 digits go as strings.',
  ),
  id: z
    .string()
    .optional()
    .describe(
      'Your own id for this event, unique within the topic. With it a repeated call stores nothing and answers duplicate: true. The hub makes one if it is left out.',
    ),
  time: z.string().optional().describe('When it happened, RFC 3339, such as 2026-11-22T12:00:00Z; default is now.'),
})

const output = z.strictObject({
  id: z.string().describe('Id of the event.'),
  cursor: z.string().describe('Its place in the log: pass it as since to read what comes after it.'),
  topic: z.string().describe('Topic it was published to.'),
  type: z.string().describe('Its type.'),
  time: z.string().describe('Its time, RFC 3339.'),
  duplicate: z.boolean().describe('The same event (topic, id, type, data) was there already; nothing was stored.'),
})

/** The rules of `POST /events`, for one event. */
export function publishEvent({ hub, rate }: PublishEventOptions): Tool {
  return defineTool({
    name: 'publish_event',
    title: 'Publish an event',
    description:
      'Publishes one event to a topic of the hub: everyone who reads the topic gets it, browsers and other agents too, and it cannot be taken back with this tool. ' +
      'The answer comes when the event is stored for good. Publish again only with the same id: without an id every call is a new event. ' +
      'The same id with other content is refused (id-conflict).',
    input,
    output,
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true },
    offered: ({ publish }) => publish.length > 0,
    async run(event, { principal }) {
      requirePublish(principal.grants, event.topic)
      rate.require(principal)
      // What it weighs shows when the draft is made, which is the work that is saved here.
      hub.admission.admit(MAX_DATA_BYTES)
      const draft = draftFrom(event)
      // The message around it may nest deeper than data may.
      if (!draft.isText) requireJsonDepth(draft.data, MAX_JSON_DEPTH, '/data')
      rate.take(principal, 1)
      const receipt = await publishOne(hub, draft)
      return {
        structured: {
          id: eventId(receipt),
          cursor: eventCursor(receipt),
          topic: receipt.topic,
          type: receipt.type,
          time: eventTime(receipt),
          duplicate: receipt.duplicate,
        },
      }
    },
  })
}

async function publishOne(hub: Pick<Hub, 'publish'>, draft: ReturnType<typeof draftFrom>) {
  try {
    const [receipt] = await hub.publish([draft])
    return receipt!
  } catch (error) {
    if (!(error instanceof HubError) || !error.pointer?.startsWith('/0/')) throw error
    // The log points into a batch; there is none here.
    const { code, message, retryAfterMs, cause } = error
    throw new HubError(code, message, { pointer: error.pointer.slice(2), retryAfterMs, cause })
  }
}
