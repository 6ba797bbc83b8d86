import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type IgnoreCase, ignoreTree } from './ignore-cases.js'

/** Makes the context of a case. @returns the Dockerfile's path in it */
export function makeContext(directory: string, { ignore, own, dockerfile = 'Dockerfile' }: IgnoreCase): string {
  for (const line of ignoreTree) makeFile(directory, line)
  write(join(directory, '.dockerignore'), ignore)
  // An image without any layer cannot be saved.
  write(join(directory, dockerfile), 'FROM scratch\nWORKDIR /work\nCOPY . /\n')
  if (own !== undefined) write(join(directory, `${dockerfile}.dockerignore`), own)
  return dockerfile
}

function makeFile(directory: string, line: string): void {
  const [name, target] = line.split(' -> ') as [string, string?]
  if (target === undefined) write(join(directory, name), name)
  else symlinkSync(target, join(directory, name))
}

function write(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
}

/** What the layers of a saved image have: the names, directories with a slash. */
export function listArchive(saved: Buffer): string[] {
  const directory = mkdtempSync('/tmp/saved-image-')
  try {
    execFileSync('tar', ['-x', '-C', directory], { input: saved })
    const layers = execFileSync('find', [directory, '-name', 'layer.tar'], { encoding: 'utf8' }).trim().split('\n')
    const args = ['-t', '--quoting-style=literal', '--null', '-f']
    return layers
      .flatMap((layer) => (layer === '' ? [] : execFileSync('tar', [...args, layer], { encoding: 'utf8' }).split('\n')))
      .filter((name) => name !== '' && name !== 'work/')
      .sort()
  } finally {
    rmSync(directory, { recursive: true })
  }
}
