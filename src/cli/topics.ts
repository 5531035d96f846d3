import { hubDocument } from './client/hub-answer.ts'
import { addHubFlags, hubClient } from './client/hub-client.ts'
import { plain, shortTime } from './display.ts'
import { DONE } from './exit.ts'
import type { Configure } from './verb.ts'

interface TopicsDocument {
  topics: { topic: string; events: number; lastCursor: string; lastTime: string }[]
  next?: string
}

export const configureTopics: Configure = (command, io, finish) => {
  addHubFlags(command)
  command.option('--json', 'one JSON object a line')
  command.action(async (patterns: string[], options: { url?: string; json?: true }) => {
    const hub = hubClient('topics', options, io)
    let page: string | undefined
    do {
      const query = new URLSearchParams(patterns.map((pattern) => ['pattern', pattern]))
      if (page !== undefined) query.set('page', page)
      const response = await hub.request('/topics', { query })
      const { topics, next } = await hubDocument<TopicsDocument>(response, 'topics')
      const lines = topics.map((topic) => (options.json ? `${JSON.stringify(topic)}\n` : topicLine(topic)))
      if (lines.length > 0) await io.stdout.write(lines.join(''))
      page = next
    } while (page !== undefined)
    finish(DONE)
  })
}

function topicLine({ topic, events, lastTime }: TopicsDocument['topics'][number]): string {
  return `${shortTime(lastTime)}  ${String(events).padStart(9)}  ${plain(topic)}\n`
}
