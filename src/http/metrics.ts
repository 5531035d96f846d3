import { requireMetrics } from '../core/grants.ts'
import { parametersOf } from './parameters.ts'
import { visited } from './visitor.ts'

/** What `/metrics` answers with. */
export type WriteMetrics = () => Promise<{ text: string; contentType: string }>

/**
 * `GET /metrics`: numbers for Prometheus. Bounded whoever asks how often: while they are written down, all who ask wait for
 * the one writing.
 */
export function metrics(write: WriteMetrics) {
  let writing: ReturnType<WriteMetrics> | undefined
  return visited('http/metrics').get('/metrics', async ({ request, visitor }) => {
    requireMetrics(visitor.principal.grants)
    parametersOf(request, [])
    writing ??= write().finally(() => {
      writing = undefined
    })
    const { text, contentType } = await writing
    return new Response(text, { headers: { 'content-type': contentType, 'cache-control': 'no-store' } })
  })
}
