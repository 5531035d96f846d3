import { Access } from '../auth/access.ts'
import type { LoadedConfig } from '../config/load.ts'
import { readTicketKey, temporaryTicketKey } from '../daemon/ticket-key.ts'
import { accessSettings, namingSource } from './serve/access-settings.ts'

/**
 * Who may do what by this configuration, without a hub. A key of tickets that is not there yet is made up: no ticket is of
 * it, and nothing is written. @throws HubError as a start would
 */
export function configuredAccess(loaded: LoadedConfig): Access {
  const { config } = loaded
  const kept = config.durability === 'memory' ? undefined : readTicketKey(config.dataDir)
  const settings = accessSettings(config, kept ?? temporaryTicketKey())
  return namingSource(loaded, () => new Access(settings, { now: Date.now, report: () => {} }))
}
