import { expect } from 'bun:test'
import type { AccessSettings } from '../../src/auth/settings.ts'
import { type ServedHub, servedHub } from './served-hub.ts'

/** Runs a test on a hub of its own, which then has nothing to report. */
export async function withHub(access: Partial<AccessSettings>, run: (at: ServedHub) => Promise<void>): Promise<void> {
  const at = await servedHub({ access })
  try {
    await run(at)
    expect(at.reports).toEqual([])
  } finally {
    await at.close()
  }
}
