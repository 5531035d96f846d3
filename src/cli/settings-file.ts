import {
  closeSync,
  existsSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { findConfigFile, isThere } from '../config/file.ts'
import { HubError } from '../core/errors.ts'
import { writeWhole } from '../daemon/whole-file.ts'
import { CommandFailure } from './failure.ts'
import type { Io } from './io.ts'

const OWNER_ONLY = 0o600

/** The file that holds the keys: the one that is named, else the one `serve` would read, else a new one beside us. */
export function settingsPath(named: string | undefined, { env, cwd }: Pick<Io, 'env' | 'cwd'>): string {
  if (named !== undefined) return resolve(cwd, named)
  return findConfigFile(env, cwd) ?? join(cwd, 'mcp-sse.toml')
}

/** How a path is called in messages. */
export function shownPath(path: string, cwd: string): string {
  const short = relative(cwd, path)
  return short.startsWith('..') ? path : short
}

/**
 * Changes the keys in the file at `path`, whole or not at all. @throws CommandFailure
 */
export function editKeys(path: string, cwd: string, edit: (text: string) => string): void {
  try {
    replaceFile(path, cwd, edit)
  } catch (error) {
    if (!(error instanceof HubError)) throw error
    throw new CommandFailure(error.message, 'mcp-sse key list', undefined, error)
  }
}

/**
 * Puts `edit(text)` in the place of the file at `path`, whole or not at all, with its mode and owner; a file that is not
 * there begins empty and is its owner's alone. Two edits at one time: the second is refused.
 * @throws what `edit` throws, CommandFailure
 */
function replaceFile(path: string, cwd: string, edit: (text: string) => string): void {
  const target = isThere(path) ? realPath(path, shownPath(path, cwd)) : path
  const unfinished = `${target}.new`
  const file = claim(unfinished, shownPath(unfinished, cwd))
  try {
    let text = ''
    if (existsSync(target)) {
      const { mode, uid, gid } = statSync(target)
      text = readFileSync(target, 'utf8')
      // By descriptor: whoever owns the directory may have put another file at the path, and this may be root.
      fchmodSync(file, mode & 0o777)
      if (process.getuid?.() === 0) fchownSync(file, uid, gid)
    }
    const edited = edit(text)
    try {
      writeWhole(file, edited)
      fsyncSync(file)
    } catch (cause) {
      throw unwritable(shownPath(target, cwd), cause)
    }
    requireSameFile(file, unfinished, shownPath(unfinished, cwd))
    renameSync(unfinished, target)
  } catch (error) {
    rmSync(unfinished, { force: true })
    throw error
  } finally {
    closeSync(file)
  }
}

/** A link that leads nowhere for now is not replaced: what it leads to may have the other keys. */
function realPath(path: string, shown: string): string {
  try {
    return realpathSync(path)
  } catch (cause) {
    throw unwritable(shown, cause)
  }
}

/** What was written is what comes to be the configuration. */
function requireSameFile(file: number, path: string, shown: string): void {
  const written = fstatSync(file)
  const there = lstatSync(path)
  if (written.ino === there.ino && written.dev === there.dev) return
  throw new CommandFailure(
    `${shown} was replaced while it was being written: nothing is changed.`,
    'mcp-sse key list, from a directory that only you can write to',
  )
}

/** The new file is also what says that someone is editing. */
function claim(path: string, shown: string): number {
  try {
    return openSync(path, 'wx', OWNER_ONLY)
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') {
      throw new CommandFailure(
        `${shown} is there: another mcp-sse key is at work, or one was cut off.`,
        `rm ${shown}, if none is at work`,
        undefined,
        cause,
      )
    }
    throw unwritable(shown, cause)
  }
}

function unwritable(shown: string, cause: unknown): CommandFailure {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
  return new CommandFailure(
    `${shown} cannot be written (${code}).`,
    'mcp-sse key new NAME --save <a file of yours>',
    undefined,
    cause,
  )
}
