import { describe, expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import manifest from '../../package.json'
import { configKeys } from '../../src/config/keys.ts'
import { runCommand } from '../support/command.ts'
import { tempDir } from '../support/temp-dir.ts'

const ROOT = resolve(import.meta.dir, '../..')
const INSTRUCTIONS = 'ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK RUN USER VOLUME WORKDIR'.split(' ')

interface Instruction {
  name: string
  rest: string
}

/** The instructions of a Containerfile by its grammar: comments gone, continued lines joined. */
function instructions(text: string): Instruction[] {
  const lines = text.split('\n').filter((line) => !/^\s*#/.test(line))
  const joined = lines.join('\n').replaceAll(/\\\n\s*/g, '')
  return joined
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? []
      return { name, rest }
    })
}

const file = instructions(readFileSync(join(ROOT, 'packaging/Containerfile'), 'utf8'))
const last = file.slice(file.findLastIndex(({ name }) => name === 'FROM'))
const of = (name: string, within = file) => within.filter((one) => one.name === name).map(({ rest }) => rest)
const variables = Object.fromEntries(
  of('ENV', last).flatMap((rest) => rest.split(/\s+/).map((pair) => pair.split('='))),
)

describe('the Containerfile', () => {
  test('has no instruction that does not exist, and lists that are JSON', () => {
    expect(file.map(({ name }) => name).filter((name) => !INSTRUCTIONS.includes(name))).toEqual([])
    for (const list of file.filter(({ rest }) => rest.startsWith('['))) JSON.parse(list.rest)
  })

  test('builds with the version of Bun that the tests run on', () => {
    expect(of('FROM')[0]).toBe(`--platform=$BUILDPLATFORM oven/bun:${manifest.dependencies.bun} AS build`)
    expect(manifest.dependencies.bun).toBe(Bun.version)
  })

  test('copies what is there, and what its ignore file lets in', () => {
    const sources = of('COPY')
      .filter((rest) => !rest.startsWith('--from'))
      .flatMap((rest) => rest.split(/\s+/).slice(0, -1))
    expect(sources.length).toBeGreaterThan(3)
    const admitted = readFileSync(join(ROOT, 'packaging/Containerfile.dockerignore'), 'utf8').match(/(?<=^!).+$/gm)
    expect(admitted).toEqual(expect.arrayContaining(sources))
    expect(admitted).toHaveLength(sources.length)
    for (const source of sources) expect(existsSync(join(ROOT, source))).toBe(true)
  })

  test('runs as a user that is not root and owns the data', () => {
    expect(of('USER', last)).toEqual(['65532:65532'])
    expect(of('COPY', last)).toContain('--from=build --chown=65532:65532 /build/data /data')
    expect(of('VOLUME', last)).toEqual(['["/data"]'])
    expect(variables.DATA_DIR).toBe('/data')
  })

  test('has only variables that are settings, and a configuration that would start', async () => {
    const known = configKeys().map(({ env }) => env)
    expect(Object.keys(variables).filter((name) => !known.includes(name))).toEqual([])
    using dir = tempDir()
    const checked = await runCommand(['config', 'check'], { cwd: dir.path, env: { ...variables, DATA_DIR: dir.path } })
    expect(checked).toEqual({ stdout: 'The configuration is ok (no file).\n', stderr: '', exitCode: 0 })
  })

  test('starts and checks itself by commands that there are, with no shell', async () => {
    const [entry] = of('ENTRYPOINT').map((list) => JSON.parse(list))
    const check = JSON.parse(/CMD (\[.*\])$/.exec(of('HEALTHCHECK')[0]!)![1]!)
    expect(check[0]).toBe(entry[0])
    expect(of('COPY', last)[0]).toBe(`--from=build /build/out/mcp-sse ${entry[0]}`)
    using dir = tempDir()
    for (const words of [JSON.parse(of('CMD', last)[0]!), check.slice(1)]) {
      expect(await runCommand([...words, '--help'], { cwd: dir.path })).toMatchObject({ exitCode: 0, stderr: '' })
    }
  })
})

test('compose.yaml builds this Containerfile, and publishes on this machine alone', async () => {
  const compose = Bun.YAML.parse(readFileSync(join(ROOT, 'packaging/compose.yaml'), 'utf8')) as {
    services: { 'mcp-sse': { build: { context: string; dockerfile: string }; ports: string[]; volumes: string[] } }
    volumes: object
  }
  const { build, ports, volumes } = compose.services['mcp-sse']
  expect(existsSync(join(ROOT, 'packaging', build.context, build.dockerfile))).toBe(true)
  expect(ports).toEqual([`127.0.0.1:${variables.PORT}:${variables.PORT}`])
  expect(volumes).toEqual([`data:${variables.DATA_DIR}`])
  expect(compose.volumes).toHaveProperty('data')
})
