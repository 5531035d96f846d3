import { lstatSync, readlinkSync, realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'

/** As many as Linux follows. */
const MOST_LINKS = 40

/**
 * The file that `path` leads to, through links, whether it is there or not: who writes a file whole replaces it and not the
 * link. Not by `realpath` of the whole: that fails while another process replaces the file (Bun 1.4.5).
 * @throws errors of the file system
 */
export function linkedTarget(path: string): string {
  let target = path
  for (let links = 0; links < MOST_LINKS; links++) {
    // Links in the directory first: a relative link is relative to where it really is.
    const place = join(realpathSync(dirname(target)), basename(target))
    if (!lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink()) return place
    target = resolve(dirname(place), readlinkSync(place))
  }
  throw Object.assign(new Error('ELOOP: too many symbolic links'), { code: 'ELOOP' })
}
