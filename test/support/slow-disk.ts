/**
 * What a command is run through whose reads are to take a millisecond each: it is still at work when somebody looks, however
 * late. The command stays the process that was started, and takes its signals.
 */
export const SLOW_DISK: readonly string[] = [
  ...['strace', '-D', '-f', '-qq', '-o', '/dev/null'],
  ...['-e', 'trace=pread64', '-e', 'inject=pread64:delay_enter=1000'],
]
