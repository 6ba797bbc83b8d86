import { execFileSync } from 'node:child_process'
import { chmodSync, linkSync, lutimesSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { tar } from '../archives.js'
import { type BuildCase, type ContextFile, contextTime } from './build-case.js'

/** Makes the context of a case in a directory that exists. */
export async function makeContext(directory: string, { dockerfile, files = {}, file }: BuildCase): Promise<void> {
  const all = { [file ?? 'Dockerfile']: dockerfile, ...files }
  for (const [name, one] of Object.entries(all)) await make(directory, join(directory, name), one)
  setTimes(directory, files)
}

async function make(directory: string, path: string, file: ContextFile): Promise<void> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
  if (typeof file === 'string') return write(path, Buffer.from(file), 0o644)
  if (file.link !== undefined) return symlinkSync(file.link, path)
  if (file.same !== undefined) return linkSync(join(directory, file.same), path)
  if (file.fifo) execFileSync('mkfifo', [path])
  else if (file.directory) mkdirSync(path, { recursive: true })
  else return write(path, await bytesOf(file), file.mode ?? 0o644)
  chmodSync(path, file.mode ?? (file.directory ? 0o755 : 0o644))
}

function write(path: string, content: Buffer, mode: number): void {
  writeFileSync(path, content)
  chmodSync(path, mode)
}

async function bytesOf({ content, base64, archive }: Exclude<ContextFile, string>): Promise<Buffer> {
  if (archive !== undefined) return tar(archive)
  return base64 === undefined ? Buffer.from(content ?? '') : Buffer.from(base64, 'base64')
}

/** Directories last: what is made in them changes their times. */
function setTimes(directory: string, files: Readonly<Record<string, ContextFile>>): void {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort().reverse()
  for (const name of [...names, '.']) {
    const file = files[name]
    const mtime = (typeof file === 'object' ? file.mtime : undefined) ?? contextTime
    lutimesSync(join(directory, name), mtime, mtime)
  }
}
