import type { CallToolResult } from '@modelcontextprotocol/server'
import type { HubError } from '../../core/errors.ts'
import { type Asking, RESOURCE_LINKS_SINCE } from '../asking.ts'
import type { ToolResult } from './tool.ts'

/** Structured content, and the same as text: clients hand the model the one or the other. */
export function toolResult(
  { structured, links = [] }: ToolResult<Record<string, unknown>>,
  asking: Asking,
): CallToolResult {
  const content: CallToolResult['content'] = [{ type: 'text', text: JSON.stringify(structured) }]
  // Clients of earlier versions refuse a whole result for a kind of content they do not know.
  if (asking.version >= RESOURCE_LINKS_SINCE) {
    for (const link of links) content.push({ type: 'resource_link', ...link })
  }
  return { content, structuredContent: structured }
}

/**
 * A refusal as the result of a tool, which the model sees and can act on; a protocol error is for its program
 * (2025-11-25, server/tools, "Error Handling").
 */
export function refusedResult({ code, message, pointer, retryAfterMs }: HubError): CallToolResult {
  const place = pointer === undefined ? '' : ` at ${pointer}`
  const wait = retryAfterMs === undefined ? '' : ` Wait ${Math.max(1, Math.ceil(retryAfterMs / 1000))} s before.`
  return { content: [{ type: 'text', text: `${message}${wait} [${code}${place}]` }], isError: true }
}
