export type Environment = Readonly<Record<string, string | undefined>>

/** A variable that is set to nothing counts as not set: that is what `PORT=${PORT}` makes of it in many files. */
export function filled(env: Environment, name: string): string | undefined {
  return env[name] === '' ? undefined : env[name]
}
