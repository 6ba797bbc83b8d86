import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A directory of the host that no container was given: what an escape would change. */
export class Canary implements Disposable {
  readonly directory = mkdtempSync('/tmp/ib-canary-')
  readonly file = join(this.directory, 'secret')

  constructor() {
    writeFileSync(this.file, `canary ${process.pid}\n`, { mode: 0o600 })
    mkdirSync(join(this.directory, 'target'))
  }

  /** Everything below it with content and attributes, and every mount on it; equal as long as nothing was touched. */
  state(): string[] {
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.split(' ')[4]?.startsWith(this.directory))
    return [...describeTree(this.directory), ...mounts]
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true })
  }
}

function describeTree(directory: string): string[] {
  const own = describe(directory)
  const below = readdirSync(directory, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
  return [
    own,
    ...below.flatMap((entry) => {
      const path = join(directory, entry.name)
      return entry.isDirectory() ? describeTree(path) : [`${describe(path)} ${entry.isFile() ? sha256(path) : ''}`]
    }),
  ]
}

function describe(path: string): string {
  const { mode, uid, gid, mtimeNs } = statSync(path, { bigint: true })
  return `${path} ${mode.toString(8)} ${uid}:${gid} ${mtimeNs}`
}

export const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex')
