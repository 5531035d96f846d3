import { configureServiceInstall } from './service/install.ts'
import { configureServicePrint } from './service/print.ts'
import { configureServiceUninstall } from './service/uninstall.ts'
import type { Configure } from './verb.ts'

export const configureService: Configure = (command, io, finish) => {
  const verb = (synopsis: string, summary: string, configure: Configure) =>
    configure(command.command(synopsis).description(summary), io, finish)
  verb('install', 'Have systemd start the hub now and at every boot, with a key', configureServiceInstall)
  verb('uninstall', 'Stop it and take it out of systemd; events, settings and key stay', configureServiceUninstall)
  verb('print', 'Print the unit, and change nothing', configureServicePrint)
}
