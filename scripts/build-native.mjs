// Builds the addon, and the supervisor and init programs, into build/Release. --strict: warnings are errors.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { buildAddon, buildPrograms, missingTools, root } from './native.mjs'

const missing = missingTools()
if (missing.length > 0) {
  console.error(`inboard: cannot build its native parts without ${missing.join(', ')}. On Debian or Ubuntu:`)
  console.error('  apt-get install -y g++ make python3 musl-tools && npm rebuild inboard')
  process.exit(1)
}
buildAddon(root, { strict: process.argv.includes('--strict') })
if (existsSync(join(root, 'native', 'Makefile'))) buildPrograms(root)
