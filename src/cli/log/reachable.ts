import { realpathSync, statSync } from 'node:fs'
import { CommandFailure } from '../failure.ts'
import type { Io } from '../io.ts'

/** Where systemd keeps the directories of dynamic users; only root gets through. */
const PRIVATE = '/var/lib/private'
const OTHERS_PASS = 0o001

/** As systemd does for the service: an empty directory over that one, with nothing in it but $1, for this process only. */
const SCRIPT = `set -e
mount --bind "$1" /mnt
mount -t tmpfs -o mode=755,size=64k none ${PRIVATE}
mkdir "$1"
mount --move /mnt "$1"
shift
exec "$@"`

/**
 * The work in the data directory is done as the user it belongs to, who does not reach it where systemd keeps it: then
 * the same command runs once more where it does. @returns its exit code, `undefined` when it is reached as it is
 */
export async function reachably(dataDir: string, io: Io): Promise<number | undefined> {
  const path = hidden(dataDir)
  if (path === undefined) return undefined
  const self = import.meta.path.startsWith('/$bunfs/') ? [process.execPath] : [process.execPath, process.argv[1]!]
  const command = ['unshare', '--mount', 'sh', '-c', SCRIPT, 'sh', path, ...self, ...process.argv.slice(2)]
  let child: ReturnType<typeof Bun.spawn>
  try {
    child = Bun.spawn(command, { cwd: io.cwd, env: { ...io.env }, stdio: ['inherit', 'inherit', 'inherit'] })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new CommandFailure(
      `Only root gets to ${path}, and the user of the hub is to be given a way there, which needs unshare (${reason}).`,
      'apt-get install util-linux',
      undefined,
      cause,
    )
  }
  const deaf = io.onSignal(['SIGINT', 'SIGTERM', 'SIGHUP'], (signal) => child.kill(signal))
  try {
    return await child.exited
  } finally {
    deaf()
  }
}

function hidden(dataDir: string): string | undefined {
  if (process.geteuid?.() !== 0) return undefined
  const stat = statSync(dataDir, { throwIfNoEntry: false })
  if (!stat || stat.uid === 0) return undefined
  const path = realpathSync(dataDir)
  const isHidden = path.startsWith(`${PRIVATE}/`) && !path.slice(PRIVATE.length + 1).includes('/')
  return isHidden && (statSync(PRIVATE).mode & OTHERS_PASS) === 0 ? path : undefined
}
