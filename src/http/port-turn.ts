const TRIES = 40
const AGAIN_MS = 25
const ADDRESS = '127.0.0.1'

/**
 * Waits until no other process of this machine is beginning to listen on `port`, for a second at most. Between the look
 * whether a shared port is free and the listening on it another process can have looked as well (measured: 8 of 12 pairs
 * that were started together). Nothing can hold that port itself meanwhile, so what is held is the UDP port of the same
 * number, which has nothing to do with it, is in no file, and is free again when its process is gone, on every system.
 * @returns the idempotent end of the turn
 */
export async function portTurn(port: number): Promise<() => void> {
  for (let tries = 0; tries < TRIES; tries++) {
    try {
      // Connected, so that the kernel lets nobody else's datagrams in.
      const socket = await Bun.udpSocket({ hostname: ADDRESS, port, connect: { hostname: ADDRESS, port } })
      return () => socket.close()
    } catch (error) {
      const taken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
      // A machine without that address, or a privileged port: listening itself says what has to be said.
      if (!taken) break
      await Bun.sleep(AGAIN_MS)
    }
  }
  // A turn is a few milliseconds: what has the port for a second is something that speaks UDP.
  return () => {}
}
