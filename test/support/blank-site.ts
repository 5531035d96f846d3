/** A page with nothing on it. */
export function blankPage(): Response {
  return new Response('<!doctype html><title>a page</title>', {
    headers: { 'content-type': 'text/html; charset=utf-8' },
  })
}

/** A site of another origin than the hub's, as a developer's own page is. */
export function blankSite() {
  return Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: blankPage })
}
