import { readdirSync, readFileSync } from 'node:fs'
import { until } from './until.ts'

/** Stops one thread as a debugger does, tells so, and lets it go when its input ends. */
const STOPPER = `
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
tid = int(sys.argv[1])
SEIZE, INTERRUPT, DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000
for request in (SEIZE, INTERRUPT):
    if libc.ptrace(request, tid, None, None) != 0:
        sys.exit(os.strerror(ctypes.get_errno()))
os.waitpid(tid, WALL)
print('stopped', flush=True)
sys.stdin.read()
libc.ptrace(DETACH, tid, None, None)
`

/** Stands still while the other threads of its process run, until the result is called. @throws when it is not allowed */
export async function stopThread(tid: number): Promise<() => Promise<void>> {
  const child = Bun.spawn(['python3', '-c', STOPPER, String(tid)], { stdin: 'pipe', stdout: 'pipe', stderr: 'pipe' })
  const { value } = await child.stdout.getReader().read()
  if (value === undefined) throw new Error(`thread ${tid} was not stopped: ${await new Response(child.stderr).text()}`)
  await until('the thread to stand still', () => /^State:\tt/m.test(readFileSync(`/proc/${tid}/status`, 'utf8')))
  return async () => {
    child.stdin.end()
    await child.exited
  }
}

/** The worker threads of a process in the order in which they were started. */
export function workerThreads(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`)
    .map(Number)
    .filter((tid) => readFileSync(`/proc/${pid}/task/${tid}/comm`, 'utf8').trim() === 'Worker')
    .sort((a, b) => a - b)
}

/** Debugging is not allowed everywhere: containers need SYS_PTRACE. */
export async function canStopThreads(): Promise<boolean> {
  if (Bun.which('python3') === null) return false
  const child = Bun.spawn(['sleep', '30'])
  try {
    await (await stopThread(child.pid))()
    return true
  } catch {
    return false
  } finally {
    child.kill('SIGKILL')
  }
}
