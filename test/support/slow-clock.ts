import { idle } from '../../src/cli/doctor/probes/idle.ts'
import './slow-seconds.ts'
import { SLOWER } from './slower.ts'

/**
 * Loaded before `mcp-sse doctor`, to which ten seconds are one: a machine that stands still for seconds is no way that
 * holds things back. The quiet stream is held for as long as it says, by the clock on the wall.
 */
const { run } = idle

idle.run = ({ holdMs, ...examination }) =>
  run({ ...examination, holdMs: holdMs === undefined ? undefined : holdMs / SLOWER })
