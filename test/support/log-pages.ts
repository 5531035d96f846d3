import { Database } from 'bun:sqlite'
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { PAGE_SIZE } from '../../src/storage/sqlite/schema.ts'

/** A leaf of a b-tree; of a table its rows, by their keys. Layout: https://www.sqlite.org/fileformat.html, 1.6 */
export interface Leaf {
  page: number
  rows: { key: number /** Of its record, in the file. */; at: number }[]
}

const INDEX_INNER = 2
const TABLE_INNER = 5
const TABLE_LEAF = 13

/** The pages of the log at `path`, which no hub has open. */
export class LogPages {
  readonly #path: string
  readonly #bytes: Buffer
  readonly #roots: ReadonlyMap<string, number>

  constructor(path: string) {
    this.#path = path
    const database = new Database(path)
    database.run('PRAGMA wal_checkpoint(TRUNCATE)')
    const trees = database
      .query<{ name: string; rootpage: number }, []>('SELECT name, rootpage FROM sqlite_schema')
      .all()
    database.close()
    this.#roots = new Map(trees.map(({ name, rootpage }) => [name, rootpage]))
    this.#bytes = readFileSync(path)
  }

  /** In the order of their keys. @param tree of a table or an index, by its name */
  leaves(tree: string): Leaf[] {
    return this.#leavesBelow(this.#roots.get(tree)!)
  }

  /** As a disk may give it back: nothing of it is left. */
  smash({ page }: Leaf): void {
    this.#write((page - 1) * PAGE_SIZE, Buffer.alloc(PAGE_SIZE, 0xa5))
  }

  /** One bit of an event of the first topic: it has topic 0 then, which there is none of. */
  flipTopic(offset: number): void {
    const row = this.#rowOf(offset)
    // The length of the header, then the kinds of the columns: the offset is the key and has none, 9 is the constant 1.
    if (this.#bytes[row.at + 2] !== 9) throw new Error(`The event ${offset} is not of the first topic`)
    this.#write(row.at + 2, Buffer.from([8]))
  }

  /** Some bits of the key of an event that is not among the first hundred: its offset is far behind the others. */
  flipKey(offset: number): void {
    const row = this.#rowOf(offset)
    // Two bytes of seven bits.
    this.#write(row.at - 2, Buffer.from([0xff]))
  }

  #rowOf(offset: number): Leaf['rows'][number] {
    const rows = this.leaves('events').flatMap((leaf) => leaf.rows)
    return rows.find(({ key }) => key === offset)!
  }

  #leavesBelow(page: number): Leaf[] {
    const at = (page - 1) * PAGE_SIZE
    const kind = this.#bytes[at]!
    const inner = kind === INDEX_INNER || kind === TABLE_INNER
    const cells = Array.from({ length: this.#bytes.readUInt16BE(at + 3) }, (_, index) => {
      return at + this.#bytes.readUInt16BE(at + (inner ? 12 : 8) + 2 * index)
    })
    if (inner) {
      const below = [...cells.map((cell) => this.#bytes.readUInt32BE(cell)), this.#bytes.readUInt32BE(at + 8)]
      return below.flatMap((child) => this.#leavesBelow(child))
    }
    return [{ page, rows: kind === TABLE_LEAF ? cells.map((cell) => this.#rowAt(cell)) : [] }]
  }

  #rowAt(cell: number): Leaf['rows'][number] {
    const [, key] = this.#varint(cell)
    const [value, record] = this.#varint(key)
    return { key: value, at: record }
  }

  #varint(at: number): [value: number, next: number] {
    let value = 0
    for (let index = at; ; index++) {
      const byte = this.#bytes[index]!
      value = value * 128 + (byte & 127)
      if (byte < 128) return [value, index + 1]
    }
  }

  #write(at: number, bytes: Buffer): void {
    const file = openSync(this.#path, 'r+')
    writeSync(file, bytes, 0, bytes.length, at)
    closeSync(file)
  }
}
