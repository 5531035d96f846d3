import { tempDir } from './temp-dir.ts'

/** A file system of 3 MB that can really be full, or `undefined` where mounting is not allowed (it takes root). */
export function smallDisk(): { path: string; [Symbol.dispose](): void } | undefined {
  const directory = tempDir()
  const mount = Bun.spawnSync(['mount', '-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', directory.path])
  if (!mount.success) directory[Symbol.dispose]()
  return mount.success
    ? {
        path: directory.path,
        [Symbol.dispose]: () => {
          Bun.spawnSync(['umount', '--lazy', directory.path])
          directory[Symbol.dispose]()
        },
      }
    : undefined
}

export function canMount(): boolean {
  using disk = smallDisk()
  return disk !== undefined
}
