import { configKeys, flagName } from '../config/keys.ts'

/** What to say about `flag` when it is what the flag of a secret would be called; `undefined`: it is none. */
export function secretFlagRefusal(flag: string): string | undefined {
  const key = configKeys().find(({ name, envFile }) => envFile !== undefined && flagName(name) === flag)
  return (
    key &&
    `There is no flag ${flag}: every user of the machine would see the secret in ps. Set ${key.env}, or ${key.envFile} to a file with it.`
  )
}
