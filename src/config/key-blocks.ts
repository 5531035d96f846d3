import { HubError } from '../core/errors.ts'
import type { ConfiguredKey } from './config.ts'
import { configKeys } from './keys.ts'

/** The `[[auth.keys]]` table of one key as a person would write it, each line with its line break. */
export function keyBlock({ name, sha256, publish, subscribe, admin, metrics, expires }: ConfiguredKey): string {
  const lines = [
    '[[auth.keys]]',
    `name = ${JSON.stringify(name)}`,
    `sha256 = "${sha256}"`,
    ...(publish.length > 0 ? [`publish = ${tomlList(publish)}`] : []),
    ...(subscribe.length > 0 ? [`subscribe = ${tomlList(subscribe)}`] : []),
    ...(admin ? ['admin = true'] : []),
    ...(metrics ? ['metrics = true'] : []),
    ...(expires === undefined ? [] : [`expires = "${new Date(expires).toISOString()}"`]),
  ]
  return lines.map((line) => `${line}\n`).join('')
}

/**
 * `text`, a TOML file, with one key more at its end and nothing else touched. The result was read again and is what was
 * meant. @throws HubError `invalid-config` when the file cannot take it, naming `file`
 */
export function addKey(text: string, key: ConfiguredKey, file: string): string {
  const before = keysOf(text, file)
  if (before.some(({ name }) => name === key.name)) {
    throw refused(`${file} has a key ${key.name} already. Choose another name, or revoke that one first.`)
  }
  const end = text.includes('\r\n') ? '\r\n' : '\n'
  const gap = text === '' ? '' : text.endsWith('\n') ? '\n' : '\n\n'
  const after = text + (gap + keyBlock(key)).replaceAll('\n', end)
  const inline = `${file} has its keys in one line (auth.keys = […]). Write each as a [[auth.keys]] table, or add this one to the list.`
  if (!reads(after)) throw refused(inline)
  if (!isSame(without(after, file, key.name), parse(text, file)) || keysOf(after, file).length !== before.length + 1) {
    throw refused(inline)
  }
  checkKeys(after, file)
  return after
}

/**
 * `text` without the block of the key `name`, one empty line before it included; everything else byte for byte.
 * @throws HubError `invalid-config` when there is no such key, or when its lines cannot be told for certain
 */
export function removeKey(text: string, name: string, file: string): string {
  const index = keysOf(text, file).findIndex((key) => key.name === name)
  if (index === -1) throw refused(`${file} has no key ${name}.`)
  const block = blocksIn(text)[index]
  const after = block && text.slice(0, block.start) + text.slice(block.end)
  if (after === undefined || !reads(after) || !isSame(parse(after, file), without(text, file, name))) {
    throw refused(
      `The lines of ${name} in ${file} cannot be told for certain. Delete them by hand: what belongs to name = "${name}"${lineOf(text, name)}.`,
    )
  }
  return after
}

/** Where each `[[auth.keys]]` begins and its last line that is not empty or a comment ends. */
function blocksIn(text: string): { start: number; end: number }[] {
  const blocks: { start: number; end: number }[] = []
  let open = false
  let emptyLine: number | undefined
  let at = 0
  for (const line of text.split(/(?<=\n)/)) {
    const isKey = /^[ \t]*\[\[[ \t]*auth[ \t]*\.[ \t]*keys[ \t]*\]\]/.test(line)
    const next = at + line.length
    if (isKey) blocks.push({ start: emptyLine ?? at, end: next })
    else if (/^[ \t]*\[/.test(line)) open = false
    else if (open && !/^[ \t]*(?:#.*)?\r?\n?$/.test(line)) blocks.at(-1)!.end = next
    if (isKey) open = true
    emptyLine = /^[ \t]*\r?\n$/.test(line) ? at : undefined
    at = next
  }
  return blocks
}

type Document = Record<string, unknown> & { auth?: { keys?: unknown } }

function parse(text: string, file: string): Document {
  try {
    return Bun.TOML.parse(text) as Document
  } catch (cause) {
    throw new HubError('invalid-config', `${file} is not TOML.`, { cause })
  }
}

function reads(text: string): boolean {
  try {
    Bun.TOML.parse(text)
    return true
  } catch {
    // That is the question.
    return false
  }
}

function keysOf(text: string, file: string): { name?: unknown }[] {
  const { auth } = parse(text, file)
  const keys = auth?.keys
  if (keys === undefined) return []
  if (Array.isArray(keys)) return keys
  throw refused(`${file}: auth.keys is not a list.`)
}

/** The document of `text` without the key `name`. */
function without(text: string, file: string, name: string): Document {
  const document = parse(text, file)
  const keys = keysOf(text, file).filter((key) => key.name !== name)
  return { ...document, auth: { ...document.auth, keys } }
}

/** @throws HubError `invalid-config` for keys that a start would refuse */
function checkKeys(text: string, file: string): void {
  const schema = configKeys().find((key) => key.name === 'auth.keys')!.schema
  const result = schema.safeParse(keysOf(text, file))
  if (!result.success) throw refused(`${file} has keys that would stop a start.`)
}

/** Whatever the order of the tables; no list of keys is the same as an empty one. */
function isSame(a: Document, b: Document): boolean {
  return canonical(withKeys(a)) === canonical(withKeys(b))
}

function withKeys(document: Document): Document {
  return { ...document, auth: { ...document.auth, keys: document.auth?.keys ?? [] } }
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    if (typeof inner === 'bigint' || typeof inner === 'number') return `number ${inner}`
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}

function lineOf(text: string, name: string): string {
  const line = text.split('\n').findIndex((one) => /\bname\b/.test(one) && one.includes(name))
  return line === -1 ? '' : ` (line ${line + 1})`
}

function tomlList(items: readonly string[]): string {
  return `[${items.map((item) => JSON.stringify(item)).join(', ')}]`
}

function refused(sentence: string): HubError {
  return new HubError('invalid-config', sentence)
}
