import type { OutletDetail } from '../../webhooks/summary.ts'
import { hubDocument } from '../client/hub-answer.ts'
import type { HubClient, HubRequest } from '../client/hub-client.ts'
import { usageFailure } from '../failure.ts'

const ID = /^(?:sub_|forward:)[\w.-]+$/

/**
 * One webhook or forward of `hub`, or what it was told to do: the document it answers with. @param action empty: only to look
 * @throws CommandFailure
 */
export async function askOutlet(
  hub: HubClient,
  id: string,
  action = '',
  request: HubRequest = {},
): Promise<OutletDetail> {
  // Anything else could name another route.
  if (!ID.test(id)) throw usageFailure('An id is sub_… or forward:<name>, as the list has it.', 'mcp-sse webhooks list')
  const response = await hub.request(`/webhooks/${encodeURIComponent(id)}${action && `/${action}`}`, request)
  return await hubDocument<OutletDetail>(response, 'id')
}
