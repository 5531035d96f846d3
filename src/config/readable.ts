import { statSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { type Environment, filled } from './variable.ts'

const READABLE_BY_ALL = 0o004

/**
 * What to say about a file with a secret that every user of this machine can read; `undefined`: nothing. Files that
 * container platforms mount are readable to all inside the container, and nobody else is in there: Docker and Podman
 * below /run/secrets, systemd in its credentials directory, Kubernetes anywhere.
 */
export function readableWarning(path: string, name: string, what: string, env: Environment): string | undefined {
  const mounted = ['/run/secrets', '/var/run/secrets', filled(env, 'CREDENTIALS_DIRECTORY')]
  if (filled(env, 'KUBERNETES_SERVICE_HOST') || mounted.some((place) => place && isBelow(path, place))) return undefined
  if (process.platform === 'win32' || (statSync(path).mode & READABLE_BY_ALL) === 0) return undefined
  // The user of such a service could not read it any more either.
  const todo = filled(env, 'CREDENTIALS_DIRECTORY')
    ? 'a service is handed secrets by LoadCredential=, each from a file of its own that only root can read'
    : `chmod 600 ${name}`
  return `${name} holds ${what} and every user of this machine can read it: ${todo}`
}

function isBelow(path: string, directory: string): boolean {
  const way = relative(resolve(directory), resolve(path))
  return way !== '' && !way.startsWith('..')
}
