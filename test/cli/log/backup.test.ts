import { expect, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { openLog } from '../../../src/storage/open.ts'
import { startCommand } from '../../support/command.ts'
import { draftOf } from '../../support/draft.ts'
import { logOptions } from '../../support/log-options.ts'
import { SLOW_DISK } from '../../support/slow-disk.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { until } from '../../support/until.ts'

test.each(['SIGHUP', 'SIGTERM', 'SIGINT'] as const)(
  'a backup that %s interrupts leaves nothing of it',
  async (signal) => {
    using dir = tempDir()
    const log = await openLog(logOptions({ directory: join(dir.path, 'data') }))
    const data = JSON.stringify('x'.repeat(200_000))
    for (let count = 0; count < 20; count++) {
      await log.append(Array.from({ length: 20 }, () => draftOf('a', data)))
    }
    await log.close()
    const child = startCommand(['log', 'backup', 'copy', '--data-dir', join(dir.path, 'data')], {
      cwd: dir.path,
      through: SLOW_DISK,
    })
    await until('the backup to be at work', () => readdirSync(dir.path).some((name) => name.includes('.unfinished-')))
    child.kill(signal)
    const stderr = await new Response(child.stderr).text()
    expect({ stderr, exitCode: await child.exited }).toMatchObject({
      stderr: expect.stringContaining('nothing of it is left'),
      exitCode: 1,
    })
    expect(readdirSync(dir.path).filter((name) => name !== '.bun')).toEqual(['data'])
  },
)
