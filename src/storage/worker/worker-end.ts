import { toHubError } from '../sqlite/sqlite-error.ts'
import type { Ask, Failure, Told } from './messages.ts'

type Handlers<C extends Record<keyof C, { ask: unknown; answer: unknown }>> = {
  [V in keyof C]: (ask: C[V]['ask']) => C[V]['answer'] | Promise<C[V]['answer']>
}

declare const self: Worker

/**
 * The worker's end: answers calls in order; an answer that is a promise lets later calls go first.
 * @param keeps what it keeps, for sentences: `event log`
 */
export function answerCalls<C extends Record<keyof C, { ask: unknown; answer: unknown }>>(
  keeps: string,
  handlers: Handlers<C>,
): void {
  self.onmessage = ({ data }: MessageEvent<Ask>) => {
    const { call, verb, ask } = data
    try {
      const answer = handlers[verb as keyof C](ask as never)
      if (answer instanceof Promise) {
        answer.then(
          (value) => tell({ call, answer: value }),
          (error) => tell({ call, failure: toFailure(error, keeps) }),
        )
      } else {
        tell({ call, answer })
      }
    } catch (error) {
      tell({ call, failure: toFailure(error, keeps) })
    }
  }
}

export function tellNews(news: unknown): void {
  tell({ news })
}

function tell(told: Told): void {
  self.postMessage(told)
}

export function toFailure(error: unknown, keeps: string): Failure {
  const { code, message, cause } = toHubError(error, keeps)
  return cause instanceof Error && cause.stack !== undefined ? { code, message, stack: cause.stack } : { code, message }
}
