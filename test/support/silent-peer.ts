/** A listener that takes every connection and whatever comes, and says nothing. */
export function silentPeer() {
  let connections = 0
  const server = Bun.listen({
    port: 0,
    hostname: '127.0.0.1',
    socket: {
      open() {
        connections++
      },
      data() {},
    },
  })
  return {
    url: `http://127.0.0.1:${server.port}`,
    get connections() {
      return connections
    },
    [Symbol.dispose]() {
      server.stop(true)
    },
  }
}
