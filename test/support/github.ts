import webhooks from '@octokit/webhooks-examples'

/** One real webhook payload and where it goes: topic `github/<repository>`, or the organisation's or app's own. */
export interface GithubDelivery {
  topic: string
  /** The `X-GitHub-Event` header. */
  name: string
  payload: unknown
}

interface Payload {
  repository?: { full_name?: string }
  organization?: { login?: string }
}

/** Every example payload of api.github.com, several hundred, in the package's order. */
export function examples(): GithubDelivery[] {
  return webhooks.flatMap(({ name, examples }) =>
    examples.map((example) => {
      const { repository, organization } = example as Payload
      return { topic: `github/${repository?.full_name ?? organization?.login ?? 'app'}`, name, payload: example }
    }),
  )
}
