import { resolve } from 'node:path'
import { readableWarning } from './readable.ts'
import { readRegularFile } from './regular-file.ts'
import type { SecretForm } from './value.ts'
import type { Environment } from './variable.ts'

const MAX_SECRET_BYTES = 64 * 1024

export type SecretRead = { value: string | string[]; warning: string | undefined } | { problem: string }

/**
 * What a `…_FILE` variable names: at most 64 KiB, one line break at its end taken off, lists one item a line.
 * @param variable its name, for messages; what is in the file is in none of them.
 */
export function readSecretFile(
  file: string,
  { variable, cwd, form, env }: { variable: string; cwd: string; form: SecretForm; env: Environment },
): SecretRead {
  const path = resolve(cwd, file)
  try {
    const bytes = readRegularFile(path, MAX_SECRET_BYTES)
    if (bytes === 'irregular') {
      return { problem: `${variable}: ${file} is not a regular file. Name one that holds the secret.` }
    }
    if (bytes === 'too large') {
      return { problem: `${variable}: ${file} is above 64 KiB, which no secret is. Name the right file.` }
    }
    const text = bytes.toString('utf8').replace(/\r?\n$/, '')
    if (text === '') return { problem: `${variable}: ${file} is empty. Write the secret to it.` }
    const warning = form === 'tables' ? undefined : readableWarning(path, file, 'a secret', env)
    return { value: form === 'lines' ? text.split(/\r?\n/) : text, warning }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    // Not which: what is no file may be the secret itself.
    const reason = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`
    return { problem: `${variable}: the file it names ${reason}. Name a readable file that holds the secret.` }
  }
}
