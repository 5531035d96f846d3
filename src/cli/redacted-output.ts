import type { Output } from './io.ts'

/** Shorter ones are words that would be cut out of sentences. */
const LEAST_LENGTH = 8

/** `output` in which `secret` never shows: whoever answers may send back what was sent, and it would be in our words. */
export function redactedOutput(output: Output, secret: string | undefined): Output {
  if (secret === undefined || secret.length < LEAST_LENGTH) return output
  return {
    write: (text) => output.write(withoutSecret(text, secret)),
    get isTerminal() {
      return output.isTerminal
    },
    get columns() {
      return output.columns
    },
  }
}

export function withoutSecret(text: string, secret: string | undefined): string {
  return secret === undefined || secret.length < LEAST_LENGTH ? text : text.replaceAll(secret, '(key)')
}
