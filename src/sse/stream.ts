import type { Subscription } from '../core/subscription.ts'
import { encodeText } from './encode.ts'
import type { Control, Format, StreamFacts } from './format.ts'

/** What one write hands to the socket at most; everything queued since the last write goes out together up to this. */
export const MAX_CHUNK_BYTES = 256 * 1024

/**
 * Subscription → bytes. The consumer (Bun) asks for the next chunk when the socket took the last one, so a reader that
 * stops reading parks the generator at a `yield` and costs nothing more. Every wait ends when the subscription is closed:
 * its owner MUST close it when the client goes, which a generator that waits is not told.
 */
export async function* stream(
  subscription: Subscription,
  format: Format,
  facts: StreamFacts,
  retryMs: number,
): AsyncGenerator<Uint8Array, void, void> {
  let opening = format.hello(retryMs)
  try {
    for (;;) {
      const chunk = nextChunk(subscription, format, facts, opening)
      if (chunk) {
        opening = ''
        if (chunk.byteLength <= MAX_CHUNK_BYTES) yield chunk
        else yield* slices(chunk)
      } else if (subscription.finished) {
        return
      } else {
        await subscription.ready()
      }
    }
  } finally {
    subscription.close('client-gone')
  }
}

/** Everything that waits, as one chunk. The common case, one batch, is passed on as the shared bytes it already is. */
function nextChunk(
  subscription: Subscription,
  format: Format,
  facts: StreamFacts,
  hello: string,
): Uint8Array | undefined {
  const deliveries = subscription.take(MAX_CHUNK_BYTES)
  const first = deliveries[0]
  if (!first) return hello === '' ? undefined : encodeText(hello)
  if (deliveries.length === 1 && first.kind === 'events' && hello === '') return first.encoded(format.events)
  const parts: Uint8Array[] = []
  let text = hello
  for (const delivery of deliveries) {
    if (delivery.kind !== 'events') {
      text += format.control(delivery satisfies Control, subscription, facts)
      continue
    }
    if (text !== '') parts.push(encodeText(text))
    text = ''
    parts.push(delivery.encoded(format.events))
  }
  if (text !== '') parts.push(encodeText(text))
  return parts.length === 1 ? parts[0] : Buffer.concat(parts)
}

function* slices(chunk: Uint8Array): Generator<Uint8Array> {
  for (let from = 0; from < chunk.byteLength; from += MAX_CHUNK_BYTES) {
    yield chunk.subarray(from, from + MAX_CHUNK_BYTES)
  }
}
