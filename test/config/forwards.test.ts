import { describe, expect, test } from 'bun:test'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ConfiguredForward } from '../../src/config/config.ts'
import { loadConfig } from '../../src/config/load.ts'
import { HubError } from '../../src/core/errors.ts'
import { registerSecret, secret } from '../support/secrets.ts'
import { tempDir } from '../support/temp-dir.ts'

const SIGNING = registerSecret(`whsec_${Buffer.from(secret()).toString('base64')}`)

interface Sources {
  env?: Record<string, string>
  /** More files, by name. */
  files?: Record<string, string>
}

function load(file: string, { env = {}, files = {} }: Sources = {}) {
  using dir = tempDir()
  for (const [name, text] of Object.entries({ 'mcp-sse.toml': file, ...files })) {
    writeFileSync(join(dir.path, name), text)
    chmodSync(join(dir.path, name), 0o600)
  }
  return loadConfig({ mode: 'source', cwd: dir.path, env: { HOME: dir.path, ...env }, descriptors: 1000 })
}

function refusalOf(file: string, sources?: Sources): string {
  try {
    load(file, sources)
  } catch (error) {
    if (error instanceof HubError) return error.message
    throw error
  }
  throw new Error('It was taken.')
}

const HEAD = '[[forward]]\nname = "chat"\ntopic = "alerts/**"\nurl = "https://chat.example/hooks/1"\n'

const least: ConfiguredForward = {
  name: 'chat',
  topics: ['alerts/**'],
  types: [],
  url: 'https://chat.example/hooks/1',
  headers: {},
  body: undefined,
  secret: undefined,
  bearer: undefined,
  private: false,
  atOnce: 1,
}

describe('a forward is read', () => {
  test('with a name, a topic and a URL', () => {
    expect(load(HEAD).config.forwards).toEqual([least])
  })

  test('with all there is, header names in lower case', () => {
    const token = secret()
    const more = `types = ["a", "b.*"]\nheaders = { Title = "An alarm" }\nbody = "{{data}}"\nsecret = "${SIGNING}"\nbearer = "${token}"\nprivate = true\nat_once = 4\n`
    const text = HEAD.replace('"alerts/**"', '["a,b", "c/*"]')
    expect(load(text + more).config.forwards).toEqual([
      {
        ...least,
        topics: ['a,b', 'c/*'],
        types: ['a', 'b.*'],
        headers: { title: 'An alarm' },
        body: '{{data}}',
        secret: SIGNING,
        bearer: token,
        private: true,
        atOnce: 4,
      },
    ])
  })

  test('with a comma in its one topic', () => {
    expect(load(HEAD.replace('alerts/**', 'a,b')).config.forwards[0]?.topics).toEqual(['a,b'])
  })

  test('with secrets out of files, their last line break taken off', () => {
    const token = secret()
    const { config } = load(`${HEAD}secret_file = "one"\nbearer_file = "two"\n`, {
      files: { one: `${SIGNING}\n`, two: `${token}\n` },
    })
    expect(config.forwards[0]).toMatchObject({ secret: SIGNING, bearer: token })
  })

  test('from a variable, and from the file a variable names', () => {
    const { name, topics, url } = least
    const value = JSON.stringify([{ name, topic: topics, url }])
    expect(load('', { env: { MCP_SSE_FORWARD: value } }).config.forwards).toEqual([least])
    expect(load('', { env: { MCP_SSE_FORWARD_FILE: 'list' }, files: { list: value } }).config.forwards).toEqual([least])
  })
})

test('nothing of a forward is printed: its URL may be as good as a password', () => {
  const { entries } = load(HEAD)
  expect(entries.find(({ key }) => key.name === 'forward')).toMatchObject({
    value: '(secret)',
    origin: 'mcp-sse.toml:1',
  })
})

const at = 'mcp-sse.toml:1: forward[0]'

describe('a forward is refused with its place and what is allowed', () => {
  test.each([
    ['without a URL', 'url = ', `${at}.url is refused; allowed is an http or https URL`],
    ['with a URL that is none', 'url = "chat.example"', `${at}.url is refused; allowed is an http or https URL`],
    ['with another scheme', 'url = "file:///etc/passwd"', `${at}.url is refused`],
    ['with a user in its URL', 'url = "https://a:b@chat.example"', 'go into headers: { authorization = "Basic …" }'],
    ['with a space in its name', 'name = "a b"', `${at}.name is refused; allowed is a name of 1 to 64`],
    ['with a topic that is no pattern', 'topic = "a*"', `${at}.topic is refused; allowed is a list of topic patterns`],
    ['with no topic', 'topic = []', `${at}.topic is refused; allowed is a topic pattern such as`],
    ['with a type that is none', 'types = ["a b"]', `${at}.types is refused; allowed is a list of types`],
    ['with a header the hub writes', 'headers = { Webhook-Id = "1" }', 'The hub writes webhook-id itself.'],
    ['with a header of the connection', 'headers = { Transfer-Encoding = "chunked" }', 'The hub writes transfer-enc'],
    ['with the header host', 'headers = { host = "a" }', 'The hub writes host itself.'],
    [
      'with two lines in a header',
      'headers = { a = "b\\r\\nc: d" }',
      'The text of a is none, or has other characters.',
    ],
    ['with a header twice', 'headers = { a = "b", A = "c" }', 'a is there twice.'],
    ['with a header that has no name', 'headers = { "a b" = "c" }', 'One has a name that none can have.'],
    ['with more headers than 32', `headers = { ${Array.from({ length: 33 }, (_, i) => `a${i} = "b"`)} }`, 'at most 32'],
    ['with an empty body', 'body = ""', `${at}.body is refused; allowed is a text of 1 to 65536`],
    ['with a secret of another form', `secret = "${secret()}"`, 'Make one with: echo "whsec_$(openssl rand -base64'],
    ['with a secret too short', `secret = "whsec_${btoa('x'.repeat(23))}"`, `${at}.secret is refused`],
    ['with a bearer of two words', 'bearer = "a b"', `${at}.bearer is refused; allowed is 1 to 4096 visible`],
    ['with a key it does not know', 'topics = "a"', `${at} has no key "topics". Did you mean "topic"?`],
    [
      'with a secret and a file of one',
      `secret = "${SIGNING}"\nsecret_file = "one"`,
      `${at}.secret_file and secret are`,
    ],
    ['with a file that is not there', 'bearer_file = "none"', `${at}.bearer_file: the file it names does not exist.`],
    ['with another thing in its file', 'secret_file = "one"', `${at}.secret_file: what is in it is refused; allowed`],
    ['with a bearer and a header of its own', 'bearer = "a"\nheaders = { Authorization = "b" }', 'Remove one.'],
  ])('%s', (_, lines, words) => {
    const keys = lines.split('\n').map((line) => line.slice(0, line.indexOf(' ')))
    const rest = HEAD.split('\n').filter((line) => !keys.includes(line.slice(0, line.indexOf(' '))))
    const given = lines.split('\n').filter((line) => !line.endsWith('= '))
    const said = refusalOf([...rest, ...given].join('\n'), { files: { one: 'something else' } })
    expect(said).toContain(words)
    expect(said).not.toContain('something else')
  })

  test('with the name of another, or one too many', () => {
    expect(refusalOf(HEAD.repeat(2))).toBe(
      'mcp-sse.toml:1: forward[1].name is taken: forward has "chat" twice. Rename one.',
    )
    expect(refusalOf(HEAD.repeat(65))).toContain('allowed is a list of at most 64 tables {name, topic, types, url')
  })
})

test('hosts that are sent events only are names, and may be none', () => {
  const hosts = (list: string) => load(`[webhooks]\nevents_only = ${list}\n`).config.webhooks.eventsOnly
  expect(hosts('[]')).toEqual([])
  expect(hosts('["Hooks.Example"]')).toEqual(['hooks.example'])
  expect(refusalOf('[webhooks]\nevents_only = ["https://hooks.example"]\n')).toContain(
    'allowed is a list of host names',
  )
})
