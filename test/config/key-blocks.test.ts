import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { ConfiguredKey } from '../../src/config/config.ts'
import { addKey, removeKey } from '../../src/config/key-blocks.ts'
import { HubError } from '../../src/core/errors.ts'

const FILE = 'mcp-sse.toml'

function block(name: string, more: Partial<ConfiguredKey> = {}): ConfiguredKey {
  return {
    name,
    sha256: 'a'.repeat(64),
    publish: ['a/**'],
    subscribe: [],
    admin: false,
    metrics: false,
    expires: undefined,
    ...more,
  }
}

function names(text: string): string[] {
  const { auth } = Bun.TOML.parse(text) as { auth?: { keys?: { name: string }[] } }
  return (auth?.keys ?? []).map((key) => key.name)
}

/** What people have in their files around the keys. */
const other: fc.Arbitrary<string> = fc.constantFrom(
  '',
  '# mine\n',
  'port = 3000\n',
  'port = 3000',
  '# no line break at the end\n[stream]\nretry = "1s" # why',
  'host = [\n  "127.0.0.1",\n  "::1", # both\n]\n\n\n[limits]\nconnections = 10\n\n# end\n',
  '[auth]\nopen = false\n\n[auth.jwt]\nclaim = "events"\n',
  'port = 1\r\n\r\n[stream]\r\nretry = "1s"\r\n',
  '[[retention.topics]]\npattern = "a"\nmax_events = 5\n',
)
const step = fc.record({
  name: fc.constantFrom('a', 'b', 'c', 'd'),
  expires: fc.option(fc.integer({ min: 0, max: 4e12 })),
})

describe('keys in a settings file', () => {
  test('any sequence of new and revoke leaves the other text byte for byte', () => {
    fc.assert(
      fc.property(other, fc.array(step, { maxLength: 12 }), (text, steps) => {
        let now = text
        const there = new Set<string>()
        for (const { name, expires } of steps) {
          const before = now
          if (there.delete(name)) {
            now = removeKey(before, name, FILE)
            // One stretch was cut out, and it is that block.
            let at = 0
            while (at < now.length && before[at] === now[at]) at++
            let tail = 0
            while (tail < now.length - at && before.at(-1 - tail) === now.at(-1 - tail)) tail++
            expect(at + tail).toBe(now.length)
            expect(before.length - now.length).toBeLessThan(300)
          } else {
            there.add(name)
            now = addKey(before, block(name, { expires: expires ?? undefined }), FILE)
            expect(now).toStartWith(before)
          }
          expect(new Set(names(now))).toEqual(there)
        }
        for (const name of there) now = removeKey(now, name, FILE)
        const rest = now.slice(text.length)
        expect(now).toStartWith(text)
        expect(rest.trim()).toBe('')
      }),
      { numRuns: 500 },
    )
  })

  test('what people write between and around their keys stays', () => {
    const text = `# keys
[[auth.keys]] # of the builds
name = "ci"
sha256 = "${'0'.repeat(64)}"
publish = [
  "builds/**", # all of them
]
# below: the wall

[[ auth.keys ]]
sha256 = '${'1'.repeat(64)}'
name = 'wall'
subscribe = ["public/**"]
[stream] # last
retry = "1s"
`
    expect(removeKey(text, 'ci', FILE)).toBe(`# keys\n${text.slice(text.indexOf('# below'))}`)
    expect(removeKey(text, 'wall', FILE)).toBe(
      `${text.slice(0, text.indexOf('\n[[ auth'))}${text.slice(text.indexOf('[stream]'))}`,
    )
  })

  test.each([
    ['a name that is there', `[[auth.keys]]\nname = "ci"\nsha256 = "${'0'.repeat(64)}"\n`, 'has a key ci already'],
    ['keys in one line', '[auth]\nkeys = []\n', 'auth.keys = […]'],
    ['auth in one line', 'auth = { open = false }\n', 'auth.keys = […]'],
    ['an end inside a text', 'a = """\n', 'is not TOML'],
    ['keys that would stop a start', '[[auth.keys]]\nname = "x"\n', 'has keys that would stop a start'],
    ['keys as one table', '[auth.keys]\nname = "x"\n', 'auth.keys is not a list'],
  ])('a file with %s takes no new key', (_, text, says) => {
    expect(() => addKey(text, block('ci'), FILE)).toThrow(says)
  })

  test.each([
    ['has no such key', '[[auth.keys]]\nname = "x"\n', 'mcp-sse.toml has no key ci.'],
    [
      'has it in one line',
      '[auth]\nkeys = [{ name = "ci" }]\n',
      'Delete them by hand: what belongs to name = "ci" (line 2).',
    ],
    ['names it in a way that is not looked for', '[["auth".keys]]\nname = "ci"\n', 'Delete them by hand'],
    [
      'has what looks like it inside a text',
      'a = """\n[[auth.keys]]\n"""\n[[auth.keys]]\nname = "ci"\n',
      'Delete them by hand',
    ],
  ])('a key is not taken out of a file that %s', (_, text, says) => {
    expect(() => removeKey(text, 'ci', FILE)).toThrow(says)
  })

  test('no text makes it throw anything but a refusal, or change other keys', () => {
    const line = fc.constantFrom(
      '[[auth.keys]]',
      'name = "a"',
      'name = "b"',
      '[auth]',
      'x = """',
      '"""',
      '# c',
      '',
      'y = [',
      ']',
      '[s]',
      'admin = true',
    )
    fc.assert(
      fc.property(fc.array(line, { maxLength: 14 }), (lines) => {
        const text = lines.join('\n')
        try {
          const after = removeKey(text, 'a', FILE)
          expect(names(after)).toEqual(names(text).filter((name) => name !== 'a'))
        } catch (error) {
          expect(error).toBeInstanceOf(HubError)
        }
      }),
      { numRuns: 3000 },
    )
  })
})
