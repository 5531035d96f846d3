import { expect, test } from 'bun:test'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { HubError } from '../../src/core/errors.ts'
import { TICKET_KEY_FILE, ticketKey } from '../../src/daemon/ticket-key.ts'
import { tempDir } from '../support/temp-dir.ts'

function refusal(directory: string): HubError {
  try {
    ticketKey(directory, () => {})
  } catch (error) {
    if (error instanceof HubError) return error
  }
  throw new Error('It was not refused.')
}

test('the first start makes 32 bytes that are the owner’s alone, later ones find them', () => {
  using dir = tempDir()
  const warnings: string[] = []
  const made = ticketKey(dir.path, (line) => warnings.push(line))
  expect(made).toHaveLength(32)
  expect(readdirSync(dir.path)).toEqual([TICKET_KEY_FILE])
  expect(statSync(join(dir.path, TICKET_KEY_FILE)).mode & 0o777).toBe(0o600)
  expect(Buffer.from(ticketKey(dir.path, (line) => warnings.push(line)))).toEqual(Buffer.from(made))
  using other = tempDir()
  expect(Buffer.from(ticketKey(other.path, () => {}))).not.toEqual(Buffer.from(made))
  expect(warnings).toEqual([])
})

test('what a start that was cut off left behind is written over, and is no key', () => {
  using dir = tempDir()
  const unfinished = join(dir.path, `${TICKET_KEY_FILE}.new`)
  writeFileSync(unfinished, 'half')
  chmodSync(unfinished, 0o644)
  expect(ticketKey(dir.path, () => {})).toHaveLength(32)
  expect(readdirSync(dir.path)).toEqual([TICKET_KEY_FILE])
  expect(statSync(join(dir.path, TICKET_KEY_FILE)).mode & 0o777).toBe(0o600)
})

test('a link that somebody put where the new key is written is not followed', () => {
  using dir = tempDir()
  using elsewhere = tempDir()
  const victim = join(elsewhere.path, 'victim')
  writeFileSync(victim, 'untouched')
  symlinkSync(victim, join(dir.path, `${TICKET_KEY_FILE}.new`))
  expect(ticketKey(dir.path, () => {})).toHaveLength(32)
  expect(readFileSync(victim, 'utf8')).toBe('untouched')
  expect(lstatSync(join(dir.path, TICKET_KEY_FILE)).isFile()).toBe(true)
})

test('a file of another length stops the start and is left as it is', () => {
  using dir = tempDir()
  const path = join(dir.path, TICKET_KEY_FILE)
  for (const bytes of ['', 'x'.repeat(31), 'x'.repeat(33)]) {
    writeFileSync(path, bytes)
    expect(refusal(dir.path)).toMatchObject({
      code: 'invalid-config',
      message: expect.stringContaining('Remove it for a new one'),
    })
    expect(readFileSync(path, 'utf8')).toBe(bytes)
  }
})

test('what cannot be read or made is said with the path', () => {
  using dir = tempDir()
  expect(refusal(join(dir.path, 'missing'))).toMatchObject({
    code: 'log-unwritable',
    message: expect.stringContaining('cannot be written (ENOENT)'),
  })
  mkdirSync(join(dir.path, TICKET_KEY_FILE))
  expect(refusal(dir.path)).toMatchObject({
    code: 'log-unwritable',
    message: expect.stringContaining('cannot be read (EISDIR)'),
  })
})

test('a key that others can read is warned about', () => {
  using dir = tempDir()
  ticketKey(dir.path, () => {})
  chmodSync(join(dir.path, TICKET_KEY_FILE), 0o640)
  const warnings: string[] = []
  ticketKey(dir.path, (line) => warnings.push(line))
  expect(warnings).toEqual([expect.stringContaining('chmod 600')])
})
