import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'

/** Names with content; what begins with an arrow is a symlink's target. */
export type ContextFiles = Readonly<Record<string, string>>

/** A directory with these files, gone with the test. */
export function contextOf(files: ContextFiles): string {
  const directory = mkdtempSync('/tmp/ib-context-')
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  for (const [name, content] of Object.entries(files)) {
    const path = join(directory, name)
    mkdirSync(dirname(path), { recursive: true })
    if (content.startsWith('-> ')) symlinkSync(content.slice(3), path)
    else writeFileSync(path, content, { mode: content.startsWith('#!') ? 0o755 : 0o644 })
  }
  return directory
}
