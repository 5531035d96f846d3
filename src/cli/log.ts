import { configureLogBackup } from './log/backup.ts'
import { configureLogExport } from './log/export.ts'
import { configureLogImport } from './log/import.ts'
import { configureLogRestore } from './log/restore.ts'
import type { Configure } from './verb.ts'

export const configureLog: Configure = (command, io, finish) => {
  const verb = (synopsis: string, summary: string, configure: Configure) =>
    configure(command.command(synopsis).description(summary), io, finish)
  verb('backup <directory>', 'Copy everything the hub keeps, also while it runs', configureLogBackup)
  verb('restore <directory>', 'Put a backup back in the data directory of a hub that is stopped', configureLogRestore)
  verb('export [pattern...]', 'Write events as JSON lines, also while the hub runs', configureLogExport)
  verb('import [file]', 'Add events from JSON lines to the log of a hub that is stopped', configureLogImport)
}
