import { describe, expect, test } from 'bun:test'
import { loadPage } from '../../src/page/page.ts'

const page = loadPage()
const html = new TextDecoder().decode(page.body)
const script = between('<script type="module">', '</script>')
const style = between('<style>', '</style>')
const policy = page.headers['content-security-policy'] ?? ''

function between(start: string, end: string): string {
  const from = html.indexOf(start) + start.length
  return html.slice(from, html.indexOf(end, from))
}

function sha256(text: string): string {
  return new Bun.CryptoHasher('sha256').update(text).digest('base64')
}

describe('the page', () => {
  test('its policy names exactly the script and the style that are in it', () => {
    expect(policy).toContain(`script-src 'self' 'sha256-${sha256(script)}';`)
    expect(policy).toContain(`style-src 'sha256-${sha256(style)}';`)
    expect(policy).not.toContain('unsafe')
    expect(html.match(/<script/g)).toHaveLength(1)
    expect(html.match(/<style/g)).toHaveLength(1)
  })

  test('it loads nothing from elsewhere, and from the hub nothing but the module any page may use', () => {
    expect(policy).toStartWith("default-src 'none'")
    expect(html).not.toMatch(/\ssrc=|@import|url\(|<link(?! rel="icon" href="data:)/)
    expect(html.replace('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:\/\//)
  })

  test('its modules are one script: no other import, no export, no name declared twice', () => {
    expect(script.match(/^(import|export) .*/gm)).toEqual(["import { connect } from '/client.js'"])
    expect(() => new Bun.Transpiler({ loader: 'js' }).transformSync(script)).not.toThrow()
    const names = [...script.matchAll(/^(?:async )?(?:const|let|function|class) (\w+)/gm)].map((match) => match[1])
    expect(names.length).toBeGreaterThan(10)
  })

  test('it writes no markup from text', () => {
    expect(script).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|eval\(|Function\(/)
  })

  test('it keeps a key in memory alone', () => {
    expect(script).not.toMatch(/localStorage|sessionStorage|indexedDB|document\.cookie|history\./)
  })

  test('it fits in 28 KiB', () => {
    expect(page.body.byteLength).toBeLessThanOrEqual(28 * 1024)
  })

  test('it is sent whole the first time and not again while it is the same', async () => {
    const first = page.respond(null)
    expect(first.status).toBe(200)
    expect(await first.text()).toBe(html)
    const etag = first.headers.get('etag')!
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const again = page.respond(known)
      expect(again.status).toBe(304)
      expect(again.headers.get('etag')).toBe(etag)
      expect(await again.text()).toBe('')
    }
    expect(page.respond('"other"').status).toBe(200)
  })
})
