import type { Verb } from './verb.ts'

export function allVerbs(): Verb[] {
  return [
    {
      synopsis: 'serve',
      summary: 'start the hub',
      load: async () => (await import('./serve.ts')).configureServe,
    },
    {
      synopsis: 'publish <topic> [data]',
      summary: 'publish an event, or what comes in on stdin',
      load: async () => (await import('./publish.ts')).configurePublish,
    },
    {
      synopsis: 'subscribe [pattern...]',
      summary: 'print events as they come, and go on where it stopped after a lost connection',
      load: async () => (await import('./subscribe.ts')).configureSubscribe,
    },
    {
      synopsis: 'run <topic> <command...>',
      summary: 'run a command and publish how it ended',
      load: async () => (await import('./run-command.ts')).configureRun,
    },
    {
      synopsis: 'topics [pattern...]',
      summary: 'list topics with how many events they hold',
      load: async () => (await import('./topics.ts')).configureTopics,
    },
    {
      synopsis: 'connections',
      summary: 'who reads, how far behind, and ending a stream',
      load: async () => (await import('./connections.ts')).configureConnections,
    },
    {
      synopsis: 'webhooks',
      summary: 'see and steer what the hub sends by itself, and receive it here',
      load: async () => (await import('./webhooks.ts')).configureWebhooks,
    },
    {
      synopsis: 'stdio',
      summary: 'connect an MCP client that only starts local programs to a hub',
      load: async () => (await import('./stdio.ts')).configureStdio,
    },
    {
      synopsis: 'config',
      summary: 'check or print the configuration',
      load: async () => (await import('./config.ts')).configureConfig,
    },
    {
      synopsis: 'key',
      summary: 'make, list and revoke API keys',
      load: async () => (await import('./key.ts')).configureKey,
    },
    {
      synopsis: 'token',
      summary: 'make and check tokens',
      load: async () => (await import('./token.ts')).configureToken,
    },
    {
      synopsis: 'health',
      summary: 'say whether the hub is ready, by the exit code too',
      load: async () => (await import('./health.ts')).configureHealth,
    },
    {
      synopsis: 'doctor [url]',
      summary: 'find what a proxy on the way to a hub does to streams',
      load: async () => (await import('./doctor.ts')).configureDoctor,
    },
    {
      synopsis: 'log',
      summary: 'back up, restore, export and import what the hub keeps',
      load: async () => (await import('./log.ts')).configureLog,
    },
    {
      synopsis: 'service',
      summary: 'have systemd start the hub',
      load: async () => (await import('./service.ts')).configureService,
    },
    {
      synopsis: 'version',
      summary: 'print the version',
      load: async () => (await import('./version.ts')).configureVersion,
    },
  ]
}
