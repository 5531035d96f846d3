import { lstatSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { HubError } from '../core/errors.ts'
import { didYouMean, quoted } from '../core/suggest.ts'
import type { Key } from './keys.ts'
import type { Setting } from './setting.ts'
import { type Environment, filled } from './variable.ts'

const MAX_FILE_BYTES = 1024 * 1024

export interface SettingsRead {
  settings: Setting[]
  /** Sentences; any of them stops the start. */
  problems: string[]
}

/** Where a file is looked for when none is named; the first that is there is the one that is read. */
export function configPlaces(env: Environment, cwd: string): string[] {
  const user = filled(env, 'XDG_CONFIG_HOME') ?? join(filled(env, 'HOME') ?? homedir(), '.config')
  return [join(cwd, 'mcp-sse.toml'), join(user, 'mcp-sse', 'mcp-sse.toml'), '/etc/mcp-sse/mcp-sse.toml']
}

/**
 * Also one that cannot be read, which is then refused: a directory that is closed to this user or a link to a disk that
 * is not mounted would otherwise start the hub without its credentials.
 */
export function findConfigFile(env: Environment, cwd: string): string | undefined {
  return configPlaces(env, cwd).find(isThere)
}

/** Whether something is at `path`, a link to nothing too. Only what certainly is not there is not. */
export function isThere(path: string): boolean {
  try {
    lstatSync(path)
    return true
  } catch (error) {
    return !['ENOENT', 'ENOTDIR'].includes(codeOf(error))
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}

/** @param name how the file is called in messages. @throws HubError `invalid-config` */
export function readConfigFile(path: string, name: string, keys: readonly Key[]): SettingsRead {
  const text = readSettingsText(path, name)
  return fileSettings(text, name, keys)
}

/** @throws HubError `invalid-config` when the file cannot be read or is longer than 1 MiB. */
export function readSettingsText(path: string, name: string): string {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new HubError('invalid-config', `${name}: ${unreadable(path, codeOf(error))}`, { cause: error })
  }
  if (text.length <= MAX_FILE_BYTES) return text
  throw new HubError('invalid-config', `${name}: a settings file has at most 1 MiB. Name the right file.`)
}

function unreadable(path: string, code: string): string {
  if (code !== 'ENOENT') {
    return `it cannot be read (${code}). Make it readable to the user this runs as, or name another file with --config.`
  }
  return isThere(path)
    ? 'it is a link to something that is not there. Mount or make what it leads to, or remove the link.'
    : 'there is no such file. Name a readable file or leave the option out.'
}

/** @throws HubError `invalid-config` when it is not TOML. */
export function fileSettings(text: string, name: string, keys: readonly Key[]): SettingsRead {
  let document: object
  try {
    document = Bun.TOML.parse(text)
  } catch (error) {
    const message = (error instanceof Error ? error.message : String(error)).replace(/^TOML Parse error: /, '')
    // After a colon comes the text it stumbled over, which may be a secret without its quotes.
    const reason = message.replace(/:.*$/s, '')
    throw new HubError('invalid-config', `${name}:${brokenLine(text)}: this is not TOML. ${reason}.`, { cause: error })
  }
  const result: SettingsRead = { settings: [], problems: [] }
  const lines = keyLines(text)
  const origin = (key: string) => (lines.has(key) ? `${name}:${lines.get(key)}` : name)
  const names = keys.map((key) => key.name)
  const visit = (table: object, above: string): void => {
    for (const [part, value] of Object.entries(table)) {
      const key = above + part
      if (names.includes(key)) result.settings.push({ key, value, origin: origin(key) })
      else if (!names.some((known) => known.startsWith(`${key}.`))) {
        result.problems.push(`${origin(key)}: there is no key ${quoted(key)}.${didYouMean(key, names)}`)
      } else if (typeof value === 'object' && value !== null && !Array.isArray(value)) visit(value, `${key}.`)
      else result.problems.push(`${origin(key)}: ${key} is a table; write it as [${key}] with its keys below.`)
    }
  }
  visit(document, '')
  return result
}

/** Bun's parser (1.4.5) does not say where: the line after the longest run of whole lines that is TOML by itself. */
function brokenLine(text: string): number {
  const lines = text.split('\n')
  for (let count = Math.min(lines.length - 1, 2000); count > 0; count--) {
    try {
      Bun.TOML.parse(lines.slice(0, count).join('\n'))
      return count + 1
    } catch {
      // Still inside the broken part.
    }
  }
  return 1
}

/** Line numbers of keys, as far as they are written in the plain way; others are named without a line. */
function keyLines(text: string): Map<string, number> {
  const lines = new Map<string, number>()
  let section = ''
  for (const [index, line] of text.split('\n').entries()) {
    const header = /^\s*\[\[?\s*([\w.-]+)\s*\]/.exec(line)
    const assigned = /^\s*([\w.-]+)\s*=/.exec(line)
    if (header) section = header[1]!
    const key = header ? section : assigned && (section ? `${section}.${assigned[1]}` : assigned[1]!)
    if (key && !lines.has(key)) lines.set(key, index + 1)
  }
  return lines
}
