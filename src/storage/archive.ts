/** What is done with the files of a log from outside the hub. */
export { type BackupOptions, backUp } from './archive/backup.ts'
export { type ExportEnd, exportEvents } from './archive/export.ts'
export { type Imported, type ImportedEvent, importEvents } from './archive/import.ts'
export { UnsettledImport } from './archive/last-step.ts'
export type { Manifest } from './archive/manifest.ts'
export { type Restored, restore } from './archive/restore.ts'
