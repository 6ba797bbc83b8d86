import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, dirname, join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Native } from './native.js'
import { unsupported } from './unsupported.js'

/** The loaded addon, and the directory that holds the executables built with it. */
export interface Binaries {
  readonly native: Native
  readonly directory: string
  /** The directory of the package. */
  readonly root: string
}

let loaded: Binaries | undefined

/** Loads the addon at the first call. @throws UnsupportedHostError when this host or installation has none that works. */
export function binaries(): Binaries {
  loaded ??= loadBinaries(packageRoot(dirname(fileURLToPath(import.meta.url))), process.platform)
  return loaded
}

/** What `binaries` does, for a package at `root`. */
export function loadBinaries(root: string | undefined, platform: NodeJS.Platform): Binaries {
  if (platform !== 'linux') {
    throw unsupported(
      'linux',
      `inboard runs containers on the Linux kernel, not on ${platform}`,
      'run this program on Linux, for example in a virtual machine',
    )
  }
  if (!root) {
    throw unsupported(
      'addon',
      'The files of the package inboard are not beside its code, which is what bundlers do',
      'mark inboard as external in your bundler, then npm install inboard',
    )
  }
  const failures: unknown[] = []
  for (const file of addonFiles(root)) {
    try {
      return { native: createRequire(import.meta.url)(file), directory: dirname(file), root }
    } catch (error) {
      failures.push(error)
    }
  }
  const [first] = failures
  const why =
    first instanceof Error
      ? `The addon of inboard cannot be loaded (${first.message})`
      : 'The addon of inboard has not been built for this host'
  throw unsupported('addon', why, rebuildCommand(root, process.env.PATH ?? ''), first)
}

/** The path of a program that is built with the addon. @throws UnsupportedHostError when it is missing */
export function programPath(name: string, { directory, root } = binaries()): string {
  const path = join(directory, name)
  if (existsSync(path)) return path
  throw unsupported(
    name,
    `The program ${name} is missing from ${directory}`,
    rebuildCommand(root, process.env.PATH ?? ''),
  )
}

/** The directory of the package, which is the nearest that has the addon's build file. */
export function packageRoot(from: string): string | undefined {
  if (existsSync(join(from, 'binding.gyp'))) return from
  const above = dirname(from)
  return above === from ? undefined : packageRoot(above)
}

/** What was built here goes before what was shipped. */
function addonFiles(root: string): string[] {
  const directories = [join(root, 'build', 'Release'), join(root, 'prebuilds', `linux-${process.arch}`)]
  return directories.flatMap((directory) => {
    if (!existsSync(directory)) return []
    const names = readdirSync(directory).filter((name) => name.endsWith('.node'))
    return names.map((name) => join(directory, name))
  })
}

/** The exact command that builds the addon, with the installation of a compiler where there is none. */
export function rebuildCommand(root: string, path: string): string {
  const rebuild = root.includes(`${sep}node_modules${sep}`) ? 'npm rebuild inboard' : 'node scripts/build-native.mjs'
  const has = (program: string) => path.split(delimiter).some((directory) => existsSync(join(directory, program)))
  if (has('make') && has('python3') && (has('g++') || has('c++'))) return rebuild
  if (has('apk')) return `apk add g++ make python3 linux-headers && ${rebuild}`
  if (has('dnf')) return `dnf install -y gcc-c++ make python3 glibc-static && ${rebuild}`
  return `apt-get install -y g++ make python3 musl-tools && ${rebuild}`
}
