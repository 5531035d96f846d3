// Runs on Node: the smallest hub its documentation leads to. Argument: the port.
import { createServer } from 'node:http'
import { createChannel, createSession } from 'better-sse'

const channel = createChannel()

const server = createServer(async (request, response) => {
  if (request.method === 'POST') {
    const parts = []
    for await (const part of request) parts.push(part)
    channel.broadcast(JSON.parse(Buffer.concat(parts).toString()), 'tick')
    response.writeHead(201, { 'content-type': 'application/json' }).end('{}')
  } else if (request.url === '/events') {
    channel.register(await createSession(request, response))
  } else {
    response.end('ok')
  }
})

// A publisher's connection may be quiet for longer than Node's 5 s at a low rate.
server.keepAliveTimeout = 120_000
// Node's default of 511 makes a burst of 1,000 readers wait for repeated connection requests.
server.listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096 })
