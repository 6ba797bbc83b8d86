import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

export interface DebianPackage {
  readonly version: string
  /** Further fields of its control file: `Depends`, `Provides`. */
  readonly fields?: Readonly<Record<string, string>>
  /** Programs, by their paths. */
  readonly programs?: Readonly<Record<string, string>>
}

/** Makes a directory that apt takes packages from: `deb [trusted=yes] file:/PATH ./`. Names may be there twice, as `name 2`. */
export function makePackages(directory: string, packages: Readonly<Record<string, DebianPackage>>): void {
  mkdirSync(directory, { recursive: true })
  const index = Object.entries(packages).map(([name, made]) =>
    makePackage(directory, name.split(' ')[0] as string, made),
  )
  writeFileSync(join(directory, 'Packages'), index.join('\n'))
}

/** @returns its entry of the index */
function makePackage(directory: string, name: string, { version, fields, programs = {} }: DebianPackage): string {
  const tree = mkdtempSync(join(tmpdir(), 'debian-package-'))
  try {
    chmodSync(tree, 0o755)
    const all = {
      Package: name,
      Version: version,
      Architecture: 'all',
      Maintainer: 'nobody <nobody@localhost>',
      ...fields,
    }
    const control = Object.entries({ ...all, Description: name }).map(([field, value]) => `${field}: ${value}\n`)
    write(join(tree, 'DEBIAN/control'), control.join(''), 0o644)
    for (const [path, text] of Object.entries(programs)) write(join(tree, path), text, 0o755)
    const file = `${name}_${version}_all.deb`
    execFileSync('dpkg-deb', ['--build', '--root-owner-group', '-Znone', tree, join(directory, file)], {
      stdio: 'ignore',
    })
    const bytes = readFileSync(join(directory, file))
    const sum = createHash('sha256').update(bytes).digest('hex')
    return `${control.join('')}Filename: ./${file}\nSize: ${bytes.length}\nSHA256: ${sum}\n`
  } finally {
    rmSync(tree, { recursive: true })
  }
}

function write(path: string, text: string, mode: number): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  chmodSync(path, mode)
}
