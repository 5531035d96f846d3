/** Read on, beyond what was asked for, so that the connection can be used again. */
const DRAINED_BYTES = 4096
export const DRAINED_MS = 250

/**
 * The first bytes of an answer's body. What is short is read to its end, since only then the connection serves again; of
 * what is long or slow the rest is cancelled, which closes the connection.
 * @param most `0`: the status was enough, and a body that breaks off or does not end changes nothing
 * @param drainMs for what comes after them
 * @throws whatever reading does, before `most` bytes or the end have come
 */
export async function answerBody(response: Response, most: number, drainMs = DRAINED_MS): Promise<Uint8Array> {
  const reader = response.body?.getReader()
  if (!reader) return new Uint8Array()
  const kept: Uint8Array[] = []
  let bytes = 0
  while (bytes < most) {
    const { done, value } = await reader.read()
    if (done) return new Uint8Array(Buffer.concat(kept))
    // A copy: the chunk may be the small part that is wanted of something large.
    kept.push(value.slice(0, most - bytes))
    bytes += value.length
  }
  await drain(reader, drainMs)
  return new Uint8Array(Buffer.concat(kept))
}

async function drain(reader: ReadableStreamDefaultReader<Uint8Array>, ms: number): Promise<void> {
  const { promise: slow, resolve } = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => resolve(undefined), ms)
  try {
    let bytes = 0
    while (bytes < DRAINED_BYTES) {
      const read = await Promise.race([reader.read(), slow])
      if (!read) break
      if (read.done) return
      bytes += read.value.length
    }
    await reader.cancel()
  } catch {
    // It broke off after everything that counts: there is no connection left to keep.
  } finally {
    clearTimeout(timer)
  }
}
