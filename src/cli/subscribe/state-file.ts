import { readFileSync, statSync } from 'node:fs'
import { HubError } from '../../core/errors.ts'
import { parseStart } from '../../core/start.ts'
import { putFile } from '../../daemon/whole-file.ts'
import { lockFile } from '../../storage/file-lock.ts'
import { IO_ERROR } from '../exit.ts'
import { CommandFailure } from '../failure.ts'
import { linkedTarget } from '../linked-target.ts'

/** How far a subscriber has come. */
export interface Place {
  /** What `since` takes: a cursor; `earliest` and the like if somebody wrote the file by hand. */
  cursor: string
  /** Events before the next one are missing, and the command was not told yet. */
  gap: boolean
}

const SAVE_EVERY_MS = 1000
/** A cursor has at most some 30 characters; a file above this is something else. */
const MAX_BYTES = 256
const OWNER_ONLY = 0o600
const CONTENT = /^([!-~]{1,200})( gap)?$/

/**
 * Keeps a subscriber's place in a file of one line, mode 600: `k3f9a2b7.1042`, with ` gap` after it when a gap is still
 * to be told. It is replaced as a whole, so that a crash leaves the old place or the new one.
 */
export class StateFile {
  /** Where to go on; `undefined` the first time. */
  readonly start: Place | undefined
  readonly #path: string
  readonly #release: () => void
  #saved: string | undefined
  #waiting: Place | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #failure: CommandFailure | undefined

  private constructor(path: string, start: Place | undefined, release: () => void) {
    this.start = start
    this.#path = path
    this.#release = release
    this.#saved = start && textOf(start)
  }

  /** @throws CommandFailure when it is in use, is no state file, or cannot be written. */
  static open(path: string): StateFile {
    const real = attempted(path, () => checked(path))
    const release = attempted(real, () => lock(real))
    try {
      const start = attempted(real, () => read(real))
      const state = new StateFile(real, start, release)
      // A place that cannot be kept is worth knowing before anything is done.
      if (start) attempted(real, () => putFile(real, textOf(start), OWNER_ONLY))
      return state
    } catch (error) {
      release()
      throw error
    }
  }

  /** The place moved on: in the file within a second, and at once if nothing is there yet. @throws CommandFailure */
  reach(place: Place): void {
    if (this.#saved === undefined) {
      this.save(place)
      return
    }
    this.#rethrow()
    this.#waiting = place
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      try {
        this.#saveWaiting()
      } catch (error) {
        this.#failure = error as CommandFailure
      }
    }, SAVE_EVERY_MS)
  }

  /** In the file, and on the disk, when this returns. @throws CommandFailure */
  save(place: Place): void {
    this.#rethrow()
    this.#waiting = place
    this.#saveWaiting()
  }

  /** Saves what waits and lets others have the file. @throws CommandFailure */
  close(): void {
    clearTimeout(this.#timer)
    try {
      this.#rethrow()
      this.#saveWaiting()
    } finally {
      this.#release()
    }
  }

  #saveWaiting(): void {
    const place = this.#waiting
    this.#waiting = undefined
    if (!place) return
    const text = textOf(place)
    if (text === this.#saved) return
    attempted(this.#path, () => putFile(this.#path, text, OWNER_ONLY))
    this.#saved = text
  }

  #rethrow(): void {
    const failure = this.#failure
    this.#failure = undefined
    if (failure) throw failure
  }
}

function textOf({ cursor, gap }: Place): string {
  return `${cursor}${gap ? ' gap' : ''}\n`
}

/** The file itself, not the link to it: a link would be replaced. */
function checked(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat) return path
  if (stat.isFile() && stat.size <= MAX_BYTES) return linkedTarget(path)
  throw foreign(path)
}

function read(path: string): Place | undefined {
  if (!statSync(path, { throwIfNoEntry: false })) return undefined
  const text = readFileSync(path, 'utf8').trim()
  if (text === '') return undefined
  const [, cursor, gap] = CONTENT.exec(text) ?? []
  if (cursor === undefined || !isStart(cursor)) throw foreign(path)
  return { cursor, gap: gap !== undefined }
}

/** What the hub would refuse as `since`, which nobody typed. */
function isStart(text: string): boolean {
  try {
    return parseStart({ lastEventId: undefined, since: text, last: undefined, now: Date.now() }) !== undefined
  } catch (error) {
    if (error instanceof HubError) return false
    throw error
  }
}

/**
 * One process a state file, by `<path>.lock` beside it: the file itself is replaced at every save.
 * @throws CommandFailure while another process has it
 */
function lock(path: string): () => void {
  const lock = `${path}.lock`
  if (statSync(lock, { throwIfNoEntry: false })?.size) throw foreign(lock)
  const release = lockFile(lock)
  if (release) return release
  throw new CommandFailure(
    `${path} is in use by another mcp-sse; two would handle events twice.`,
    'mcp-sse subscribe --state <another file>',
  )
}

function foreign(path: string): CommandFailure {
  return new CommandFailure(
    `${path} is not a file that --state wrote, and is left alone.`,
    'mcp-sse subscribe --state <another file>',
  )
}

function attempted<T>(path: string, act: () => T): T {
  try {
    return act()
  } catch (error) {
    if (error instanceof CommandFailure) throw error
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : ''
    throw new CommandFailure(
      `${path} cannot keep the place of this subscriber${code}.`,
      'mcp-sse subscribe --state <a file in a directory of yours>',
      IO_ERROR,
      error,
    )
  }
}
