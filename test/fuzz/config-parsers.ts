import { checkValues } from '../../src/config/check.ts'
import { environmentSettings, parseEnvFile } from '../../src/config/environment.ts'
import { fileSettings } from '../../src/config/file.ts'
import { configKeys } from '../../src/config/keys.ts'
import type { Setting } from '../../src/config/setting.ts'
import type { Parser } from './parser.ts'

const HASH = 'ab'.repeat(32)
const FILE = `port = 3000
allowed_hosts = ["hub.example"]
[stream]
heartbeat = "15s"
[[retention.topics]]
pattern = "a/**"
max_age = "1d"
[[auth.keys]]
name = "ci"
sha256 = "${HASH}"
publish = ["ci/**"]
expires = 2027-01-01
`

/** What starts the hub: hostile by accident rather than by intent. */
export function configParsers(): readonly Parser[] {
  const keys = configKeys()
  const check = (settings: readonly Setting[]) =>
    checkValues(keys, new Map(settings.map((setting) => [setting.key, setting])))
  return [
    {
      name: 'configuration file',
      samples: [[FILE]],
      operators: true,
      read: (text) => check(fileSettings(text, 'mcp-sse.toml', keys).settings),
    },
    {
      name: 'value of a variable',
      samples: keys.map((key) => [key.env, key.meta.example ?? key.meta.default ?? '10']),
      operators: true,
      read: (name, value) => check(environmentSettings({ [name]: value }, keys, { cwd: '/nonexistent' }).settings),
    },
    {
      name: 'env file',
      samples: [['# a comment\nPORT=3000\nexport HOST="127.0.0.1"\n']],
      operators: true,
      read: parseEnvFile,
    },
  ]
}
