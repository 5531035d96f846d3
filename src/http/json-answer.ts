/** JSON that is already text. Never cached: it is different after the next publish. */
export function jsonAnswer(body: string, status = 200): Response {
  return new Response(body, {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
  })
}
