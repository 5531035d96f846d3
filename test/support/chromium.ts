import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const BINARIES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** Where the browser is, or `undefined`: then browser tests are skipped. `CHROMIUM_BIN` names another one. */
export function findChromium(): string | undefined {
  const named = process.env.CHROMIUM_BIN
  if (named) {
    if (!existsSync(named)) throw new Error(`CHROMIUM_BIN names ${named}, which does not exist.`)
    return named
  }
  return BINARIES.find((path) => existsSync(path))
}

export const NO_CHROMIUM = 'skipped: no chromium on this machine (apt-get install chromium, or set CHROMIUM_BIN)'

/** A headless browser with a fresh profile, which playwright removes on `close()`. `more` goes on its command line. */
export function startChromium(executablePath: string, more: readonly string[] = []): Promise<Browser> {
  return chromium.launch({
    executablePath,
    headless: true,
    timeout: 90_000,
    // Root in a container has no sandbox; the rest keeps a browser that nobody watches from calling home.
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...more,
    ],
  })
}
