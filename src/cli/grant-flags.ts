import type { Command } from 'commander'
import { HubError } from '../core/errors.ts'
import { parseTypeFilter } from '../core/event-type.ts'
import { parsePattern } from '../core/pattern.ts'
import { usageFailure } from './failure.ts'

export interface GrantOptions {
  publish?: string[]
  subscribe?: string[]
  type?: string[]
  admin?: true
  metrics?: true
}

export function addGrantFlags(command: Command): void {
  command
    .option('--publish <pattern>', 'may publish to these topics; may be repeated', collect)
    .option('--subscribe <pattern>', 'may read these topics; may be repeated', collect)
    .option('--admin', 'may erase, and see and end the connections of others')
}

/** @param example what to type instead. @throws CommandFailure when nothing is granted or a pattern is none */
export function grantsOf({ publish = [], subscribe = [], type = [], admin, metrics }: GrantOptions, example: string) {
  if (publish.length + subscribe.length === 0 && !admin && !metrics) {
    throw usageFailure('Nothing is granted: say what it may publish to and read.', example)
  }
  try {
    for (const pattern of [...publish, ...subscribe]) parsePattern(pattern)
    for (const filter of type) parseTypeFilter(filter)
  } catch (error) {
    throw error instanceof HubError ? usageFailure(error.message, example) : error
  }
  return { publish, subscribe, types: type, admin: admin === true, metrics: metrics === true }
}

/** `publish builds/**, read everything`, for a person. */
export function grantsLine(grants: {
  publish: readonly string[]
  subscribe: readonly string[]
  admin: boolean
  metrics?: boolean
}): string {
  const parts = [
    ...(grants.publish.length > 0 ? [`publish ${grants.publish.join(' ')}`] : []),
    ...(grants.subscribe.length > 0 ? [`read ${grants.subscribe.join(' ')}`] : []),
    ...(grants.admin ? ['admin'] : []),
    ...(grants.metrics ? ['metrics'] : []),
  ]
  return parts.join(', ') || 'nothing'
}

export function collect(value: string, before: string[] = []): string[] {
  return [...before, value]
}
