/** What stands between two blank lines of an event stream. A block without `data` is dispatched to nobody. */
export interface Block {
  /** Adopted by the reader when the blank line is there, also of a block without `data`. */
  id?: string
  /** `message` unless the block says otherwise. */
  type: string
  data?: string
  retry?: number
  comments: string[]
}

const LF = 0x0a

/**
 * Bytes of an event stream into blocks, as WHATWG HTML 9.2.6 reads them, and by nobody's library: the second opinion.
 * It differs in one thing: blocks that only carry an id or a comment are shown too. A line that ends in a lone CR is read
 * when the LF after it comes; the hub sends none.
 */
export class BlockParser {
  #rest: Uint8Array = new Uint8Array(0)
  #lines: string[] = []

  push(bytes: Uint8Array): Block[] {
    const all = this.#rest.byteLength === 0 ? Buffer.from(bytes) : Buffer.concat([this.#rest, bytes])
    const blocks: Block[] = []
    let from = 0
    for (let end = all.indexOf(LF); end >= 0; end = all.indexOf(LF, from)) {
      // Line breaks are no part of a longer UTF-8 sequence, so whole lines can be decoded by themselves.
      const text = all.toString('utf8', from, end)
      from = end + 1
      for (const line of text.replace(/\r$/, '').split('\r')) {
        if (line !== '') this.#lines.push(line)
        else if (this.#lines.length > 0) blocks.push(this.#block())
      }
    }
    this.#rest = all.subarray(from)
    return blocks
  }

  #block(): Block {
    const block: Block = { type: 'message', comments: [] }
    for (const line of this.#lines) {
      const colon = line.indexOf(':')
      const field = colon < 0 ? line : line.slice(0, colon)
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
      if (field === '') block.comments.push(value)
      else if (field === 'event') block.type = value
      else if (field === 'data') block.data = block.data === undefined ? value : `${block.data}\n${value}`
      else if (field === 'retry' && /^\d+$/.test(value)) block.retry = Number(value)
      else if (field === 'id' && !value.includes('\0')) block.id = value
    }
    this.#lines = []
    return block
  }
}
