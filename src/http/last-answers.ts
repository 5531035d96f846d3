import type { createApp } from './app.ts'

type App = ReturnType<typeof createApp>

/**
 * Every answer that begins from now on says that it is the last one on its connection. A server that stops closes the
 * connections that are kept open between two requests, and a client that sends at that moment cannot know whether its
 * request was taken: one that was told does not send there.
 */
export function lastAnswers(app: App): void {
  const { server } = app
  if (!server) return
  server.reload({
    fetch: async (request: Request) => {
      const answer = await app.fetch(request)
      answer.headers.set('connection', 'close')
      return answer
    },
    // Those Elysia (1.4.30) has made of the paths without a variable part go before `fetch`.
    routes: {},
  })
}
