import { randomBytes } from 'node:crypto'
import { type Find, SecretSearch, SHORTEST_SECRET } from './secret-search.ts'

/** Every secret of this test process: one search for all files, or a leak into another test's server would not show. */
const search = new SecretSearch()

/** Answers in which a secret is what was asked for. */
const expected = new WeakSet<object>()

/** A random text that must show up nowhere: 32 characters of base64url after `prefix`. */
export function secret(label = 'a secret', prefix = ''): string {
  return registerSecret(prefix + randomBytes(24).toString('base64url'), label)
}

/** From now on `text` is searched for wherever the run looks. At least 16 characters. @returns `text` */
export function registerSecret(text: string, label = 'a secret'): string {
  return search.register(text, label)
}

/** What a test sends as a credential is a secret, if it is long enough to be one. */
export function registerIfLong(text: string | null | undefined, label: string): void {
  if (text && text.length >= SHORTEST_SECRET) search.register(text, label)
}

/** `MCP_SSE_TLS_KEY` is the path of one. */
const SECRET_VARIABLE = /(?<!_TLS_)(KEY|KEYS|SECRET|TOKEN|TICKET)$/

/** Environment and arguments of a process that is about to be started. */
export function registerSecretsOf(env: Readonly<Record<string, string>>, args: readonly string[] = []): void {
  for (const [name, value] of Object.entries(env)) {
    if (!SECRET_VARIABLE.test(name)) continue
    // Tables of keys hold hashes; a list of secrets is comma separated.
    if (!/^\s*[[{]/.test(value))
      for (const part of value.split(',')) registerIfLong(part.trim(), `the variable ${name}`)
  }
  for (const arg of args) if (/^(mcpsse_|eyJ)/.test(arg)) registerIfLong(arg, 'an argument')
}

/** `holder` (a response, the options of a command) is where a secret belongs: the answer of POST /tickets, `key new`. */
export function expectSecret<Holder extends object>(holder: Holder): Holder {
  expected.add(holder)
  return holder
}

export function expectsSecret(holder: object): boolean {
  return expected.has(holder)
}

export function inspect(place: string, content: string | Uint8Array): void {
  search.inspect(place, content)
}

export function inspectStream(place: string): (chunk: string | Uint8Array) => void {
  return search.stream(place)
}

/** What somebody handed to a `report`: message, stack, causes and fields. */
export function inspectReport(place: string, error: unknown): void {
  if (search.size > 0) search.inspect(place, Bun.inspect(error, { depth: 10 }))
}

/** What was found since the last call: the run fails unless a test that planted it takes it. */
export function takeFinds(): Find[] {
  return search.takeFinds()
}
