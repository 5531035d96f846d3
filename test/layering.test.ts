import { expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

/** Imports go down only (CONTRIBUTING.md, "The house"). `storage/open.ts` alone names log implementations to the outside. */
const mayImport: Record<string, readonly string[]> = {
  core: [],
  sse: ['core'],
  storage: ['core'],
  schemas: ['core'],
  config: ['core'],
  auth: ['core'],
  daemon: ['core'],
  observe: ['core'],
  webhooks: ['core'],
  page: [],
  mcp: ['core', 'sse', 'auth', 'webhooks'],
  http: ['core', 'sse', 'auth', 'webhooks', 'mcp', 'page'],
  cli: [
    ...['core', 'config', 'auth', 'webhooks', 'mcp', 'http', 'storage/open.ts', 'storage/archive.ts', 'daemon'],
    ...['observe', 'schemas', 'sse', 'storage/file-lock.ts'],
  ],
  'index.ts': ['cli'],
}

/** What lies outside of src and goes into the executable as it is. */
const outside = ['../package.json', '../packaging/systemd/mcp-sse.service', '../docs/deploy.md']

const root = resolve(import.meta.dir, '../src')
/** The text is scanned, type imports included: a transpiler's list leaves them out. */
const SPECIFIER = /\bfrom\s+['"]([^'"]+)['"]|\bimport\s*\(\s*['"]([^'"]+)['"]|^\s*import\s+['"]([^'"]+)['"]/gm

interface Import {
  file: string
  room: string
  /** Relative to src, or the bare package name. */
  target: string
  bare: boolean
}

function imports(): Import[] {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => /\.tsx?$/.test(file))
  return files.flatMap((file) => {
    const text = readFileSync(join(root, file), 'utf8')
    return [...text.matchAll(SPECIFIER)].map((match) => {
      const specifier = match[1] ?? match[2] ?? match[3]!
      const bare = !specifier.startsWith('.')
      const target = bare ? specifier : relative(root, resolve(root, dirname(file), specifier))
      return { file, room: file.split('/')[0]!, target, bare }
    })
  })
}

test('every folder of src has a place in the order of layers', () => {
  const rooms = new Set(readdirSync(root).filter((name) => !name.startsWith('.')))
  expect([...rooms].filter((room) => !(room in mayImport))).toEqual([])
})

test('imports go down only, type imports included', () => {
  const upward = imports().filter(({ bare, room, target }) => {
    if (bare || target.startsWith('..')) return !bare && !outside.includes(target)
    const [targetRoom] = target.split('/')
    if (targetRoom === room) return false
    return !mayImport[room]!.some((allowed) => allowed === targetRoom || allowed === target)
  })
  expect(upward).toEqual([])
})

test('the core knows no runtime, no framework, no files and no network', () => {
  expect(imports().filter(({ room, bare }) => room === 'core' && bare)).toEqual([])
  const forbidden =
    /\b(Bun|process|Date\.now|Math\.random|performance|setTimeout|setInterval|setImmediate|fetch)\b\s*[.(]/
  const found = readdirSync(join(root, 'core')).filter((file) => {
    const code = readFileSync(join(root, 'core', file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
    return forbidden.test(code)
  })
  expect(found).toEqual([])
})

test('only storage names a database, only http and cli know HTTP frameworks, only mcp knows its SDK, only schemas knows ajv', () => {
  const wrong = imports().filter(
    ({ room, target, bare }) =>
      bare &&
      ((target === 'bun:sqlite' && room !== 'storage') ||
        (target.startsWith('elysia') && room !== 'http' && room !== 'cli') ||
        (target.startsWith('@modelcontextprotocol/') && room !== 'mcp') ||
        (target.startsWith('ajv') && room !== 'schemas')),
  )
  expect(wrong).toEqual([])
})

test('no file of src is longer than 400 lines', () => {
  const long = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.ts$/.test(file))
    .filter((file) => readFileSync(join(root, file), 'utf8').split('\n').length > 400)
  expect(long).toEqual([])
})
