import { SLOWER } from './slower.ts'

/** Loaded before a program to which ten seconds are one: a machine that stands still for seconds is not what it is late for. */
const { now } = performance
const { setTimeout: timer } = globalThis

performance.now = () => now.call(performance) / SLOWER
globalThis.setTimeout = Object.assign(
  (act: () => void, ms = 0, ...more: []) => timer(act, ms * SLOWER, ...more),
  timer,
) as typeof timer
