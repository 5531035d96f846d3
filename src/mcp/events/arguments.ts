import { HubError } from '../../core/errors.ts'
import { didYouMean, quoted } from '../../core/suggest.ts'

/** `says` follows the name of the argument in the sentence. */
export function badArgument(name: string, says: string): HubError {
  return new HubError('invalid-arguments', `The argument ${name} ${says}.`, { pointer: `/${name}` })
}

/** @throws HubError `invalid-arguments` */
export function noOtherArguments(values: Readonly<Record<string, unknown>>, known: readonly string[]): void {
  const other = Object.keys(values).find((name) => !known.includes(name))
  if (other === undefined) return
  const there = known.length > 0 ? ` There is ${known.join(', ')}.` : ' This event type has none.'
  throw new HubError(
    'invalid-arguments',
    `There is no argument ${quoted(other)}.${didYouMean(other, known) || there}`,
    { pointer: '' },
  )
}
