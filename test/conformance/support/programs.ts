import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const names = ['syscalls', 'exchange', 'overwrite', 'chroot'] as const

/** The attackers' programs, static, in a directory that is bound into a container. */
export class Programs implements Disposable {
  readonly directory = mkdtempSync('/tmp/ib-programs-')
  /** What `volume()` takes: they are in `/p`. */
  readonly volume = `${this.directory}:/p:ro`

  constructor(...wanted: readonly (typeof names)[number][]) {
    for (const name of wanted) {
      const source = fileURLToPath(new URL(`../programs/${name}.c`, import.meta.url))
      execFileSync('cc', ['-static', '-O1', '-Wall', '-Wextra', '-Werror', '-o', join(this.directory, name), source])
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true })
  }
}
