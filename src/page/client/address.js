/** The path of a topic or pattern: each segment percent-encoded, the slashes kept. */
export const topicPath = (topic) => topic.split('/').map(encodeURIComponent).join('/').replaceAll('%2A', '*')

/** Whether a URL can carry the topic: `.` and `..` are resolved away (as `%2e` too), empty segments get folded by some proxies. */
export const fitsPath = (topic) => topic.split('/').every((segment) => !['', '.', '..'].includes(segment))

/** Topics and types have no white space, so that a box may hold several. */
export const words = (text) => text.split(/\s+/).filter(Boolean)

/** Where one may listen to `topics` and `types`: the path when one pattern says it all, else the query. */
export function streamPath(topics, types, extra = {}) {
  const inPath = topics.length === 1 && fitsPath(topics[0])
  const query = new URLSearchParams(extra)
  for (const topic of inPath ? [] : topics) query.append('topic', topic)
  for (const type of types) query.append('type', type)
  const search = query.size > 0 ? `?${query.toString().replaceAll('%2F', '/')}` : ''
  return `/events${inPath ? `/${topicPath(topics[0])}` : ''}${search}`
}

/** What to send for one event; what a path cannot carry goes as an event object. */
export function publishRequest(topic, type, data) {
  if (fitsPath(topic)) {
    return { path: `/events/${topicPath(topic)}${type ? `?type=${encodeURIComponent(type)}` : ''}`, body: data }
  }
  const event = type ? { topic, type, data: jsonOrText(data) } : { topic, data: jsonOrText(data) }
  return { path: '/events', body: JSON.stringify(event), contentType: 'application/json' }
}

function jsonOrText(text) {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
