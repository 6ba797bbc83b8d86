import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { Engine } from '../../../src/index.js'
import { directory, type Entry, file, symlink, tar } from './tar.js'

const program = readFileSync('/bin/busybox')
const applets = execFileSync('/bin/busybox', ['--list'], { encoding: 'utf8' }).trim().split('\n')

const userland: readonly Entry[] = [
  directory('bin'),
  file('bin/busybox', program, 0o755),
  ...applets.filter((name) => name !== 'busybox').map((name) => symlink(`bin/${name}`, '/bin/busybox')),
  directory('root'),
  directory('tmp'),
  directory('var'),
  file('var/not-a-program', '\x01\x02\x03', 0o755),
  file('var/no-interpreter', '#!/nosuch\n', 0o755),
  file('var/no-header', 'exit 5\n', 0o755),
  symlink('var/loop', 'loop'),
]

const accounts: readonly Entry[] = [
  directory('etc'),
  file('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n'),
  file('etc/group', 'root:x:0:\n'),
]

/** The root filesystem that the facts were gathered in: busybox, one user, and no directory for a mount. */
export const oracleRootfs = () => tar([...userland, ...accounts])

/** An image of busybox and whatever an attacker would put beside it. */
export async function importHostile(
  engine: Engine,
  name: string,
  entries: readonly Entry[],
  changes: readonly string[] = [],
) {
  const ownEtc = entries.some(([name]) => name === 'etc' || name === 'etc/')
  await engine.images.import(await tar([...userland, ...(ownEtc ? [] : accounts), ...entries]), {
    reference: name,
    changes,
  })
  return name
}
