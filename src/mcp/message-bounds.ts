/** Of the id of a request and of a progress token: both are kept, and repeated in what is sent. */
const MAX_ID_LENGTH = 256
/** Of everything in a message but the arguments of a tool. 64 URIs of long topics, escaped, are some 100 KiB. */
const MAX_FRAME_CHARS = 128 * 1024
/** Of `initialize`, which is kept as long as its session. */
const MAX_INITIALIZE_CHARS = 16 * 1024
/** JSON values in the same. Each costs the SDK's schemas microseconds and hundreds of bytes. */
const MAX_FRAME_VALUES = 512
/** Below this no message needs a closer look: it has fewer values than that. */
const SMALL_CHARS = MAX_FRAME_VALUES

/**
 * Why a message is larger than any client needs, where only the arguments of a tool may be large; `undefined`: it is not.
 * 2 MiB of nested lists in `capabilities` took the SDK 2 to 5 s and 300 MB (measured), in `_meta` the same.
 */
export function oversizedMessage(body: unknown, text: string): string | undefined {
  const messages = Array.isArray(body) ? body : [body]
  for (const message of messages) {
    const refusal = oversized(message, text.length <= SMALL_CHARS)
    if (refusal !== undefined) return refusal
  }
  return undefined
}

function oversized(message: unknown, small: boolean): string | undefined {
  if (!isObject(message)) return undefined
  const { id, params } = message
  const meta = isObject(params) && isObject(params._meta) ? params._meta : {}
  if (isLong(id) || isLong(meta.progressToken)) {
    return `An id or progress token has at most ${MAX_ID_LENGTH} characters.`
  }
  if (small) return undefined
  const frame = message.method === 'tools/call' && isObject(params) ? { ...message, params: frameOf(params) } : message
  const most = message.method === 'initialize' ? MAX_INITIALIZE_CHARS : MAX_FRAME_CHARS
  if (countsWithin(frame, MAX_FRAME_VALUES) && JSON.stringify(frame).length <= most) return undefined
  return `This message has at most ${most / 1024} KiB and ${MAX_FRAME_VALUES} values besides the arguments of a tool.`
}

function frameOf({ arguments: _, ...params }: Record<string, unknown>): Record<string, unknown> {
  return params
}

/** Stops at the first value too many, however large the rest is. */
function countsWithin(root: unknown, most: number): boolean {
  let left = most
  const waiting = [root]
  while (waiting.length > 0) {
    if (--left < 0) return false
    const value = waiting.pop()
    if (typeof value !== 'object' || value === null) continue
    const members = Array.isArray(value) ? value : Object.values(value)
    if (members.length > left) return false
    waiting.push(...members)
  }
  return true
}

function isLong(id: unknown): boolean {
  return typeof id === 'string' && id.length > MAX_ID_LENGTH
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
