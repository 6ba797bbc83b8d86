import { dirname } from 'node:path'
import type { Elf } from './elf.js'
import { fileNotFound, type HostFiles } from './host-files.js'
import { parseLibraryCache } from './library-cache.js'

/** A program or library that was found, and what asked for it: search paths are inherited from there. */
interface Loaded {
  readonly path: string
  readonly origin: string
  readonly elf: Elf
  readonly loader: Loaded | undefined
}

/** Debian's directories of libraries, by e_machine and bits. */
const multiarch: Readonly<Record<string, string>> = {
  '62/64': 'x86_64-linux-gnu',
  '62/32': 'x86_64-linux-gnux32',
  '3/32': 'i386-linux-gnu',
  '183/64': 'aarch64-linux-gnu',
  '40/32': 'arm-linux-gnueabihf',
  '21/64': 'powerpc64le-linux-gnu',
  '22/64': 's390x-linux-gnu',
  '243/64': 'riscv64-linux-gnu',
  '258/64': 'loongarch64-linux-gnu',
}

/** Names that musl's linker itself stands for. */
const muslOwn = /^lib(?:c|pthread|rt|m|dl|util|xnet)\./

const cachePath = '/etc/ld.so.cache'

/**
 * Finds the shared libraries of programs as the dynamic linker would: DT_RPATH along the chain of loaders, DT_RUNPATH,
 * ldconfig's cache, the default directories; only libraries for the same processor count. LD_LIBRARY_PATH is not
 * looked at: it would be missing inside of the container.
 *
 * @see ld.so(8)
 */
export class Libraries {
  readonly #files: HostFiles
  #cache: ReadonlyMap<string, readonly string[]> | undefined
  #needsCache = false

  constructor(files: HostFiles) {
    this.#files = files
  }

  /** Whether something is where the linker finds it only by `/etc/ld.so.cache`. */
  get needsCache(): boolean {
    return this.#needsCache
  }

  /**
   * The paths, as the linker would open them, of all that a program needs, its linker included; none for static programs.
   *
   * @param path the program's real path
   * @throws {NotFoundError} `FILE_NOT_FOUND` for a library that the host lacks
   */
  of(path: string, elf: Elf): string[] {
    const linker = elf.interpreter
    if (linker === undefined && elf.needed.length === 0) return []
    if (linker !== undefined && !this.#files.file(linker)) {
      throw fileNotFound(`${path} needs the dynamic linker ${linker}, which does not exist`, { path, library: linker })
    }
    const search = new Search(this, linker)
    search.add({ path, origin: dirname(path), elf, loader: undefined })
    const libraries = search.run()
    return linker === undefined ? libraries : [linker, ...libraries]
  }

  /** What the linker would load for a name that an object asks for; undefined when there is none. */
  find(name: string, requester: Loaded, muslPaths: string | undefined): Loaded | undefined {
    for (const candidate of this.#candidates(name, requester, muslPaths)) {
      const library = this.#open(candidate, requester)
      if (!library) continue
      if (muslPaths === undefined && !name.includes('/')) this.#noteCache(library)
      return library
    }
    return undefined
  }

  *#candidates(name: string, requester: Loaded, muslPaths: string | undefined): Generator<string> {
    if (name.includes('/')) {
      yield* expand(name, requester)
      return
    }
    for (const directory of ownDirectories(requester)) yield `${directory}/${name}`
    if (requester.elf.ignoresDefaults) return
    if (muslPaths === undefined) yield* this.#cached(name)
    const defaults =
      muslPaths === undefined ? this.#defaultDirectories(requester.elf) : this.#muslDirectories(muslPaths)
    for (const directory of defaults) yield `${directory}/${name}`
  }

  #open(candidate: string, requester: Loaded): Loaded | undefined {
    const file = this.#files.file(candidate)
    const elf = file && this.#files.elf(file.path)
    if (!elf || !isSameMachine(elf, requester.elf)) return undefined
    return { path: candidate, origin: dirname(candidate), elf, loader: requester }
  }

  #cached(name: string): readonly string[] {
    this.#cache ??= parseLibraryCache(this.#files.read(cachePath) ?? Buffer.alloc(0))
    return this.#cache.get(name) ?? []
  }

  #noteCache({ path, loader }: Loaded): void {
    if (!loader) return
    const directory = this.#files.realpath(dirname(path))
    const searched = [...ownDirectories(loader), ...this.#defaultDirectories(loader.elf)]
    if (!searched.some((one) => this.#files.realpath(one) === directory)) this.#needsCache = true
  }

  /** Built into the linker: Debian's kind has the processor's own directories, others lib64. */
  #defaultDirectories({ machine, bits }: Elf): string[] {
    const own = multiarch[`${machine}/${bits}`]
    const plain = ['/lib', '/usr/lib']
    if (own && this.#files.stat(`/usr/lib/${own}`)) return [`/lib/${own}`, `/usr/lib/${own}`, ...plain]
    return bits === 64 ? ['/lib64', '/usr/lib64', ...plain] : plain
  }

  #muslDirectories(pathsFile: string): string[] {
    const text = this.#files.read(pathsFile)?.toString('utf8')
    return (
      text?.split(/[:\n]/).filter((directory) => directory.startsWith('/')) ?? ['/lib', '/usr/local/lib', '/usr/lib']
    )
  }
}

/** The objects of one program, in the linker's order: breadth first. */
class Search {
  readonly #libraries: Libraries
  readonly #linker: string | undefined
  /** musl's list of directories; undefined for glibc. */
  readonly #muslPaths: string | undefined
  readonly #found = new Set<string>()
  readonly #objects: Loaded[] = []

  constructor(libraries: Libraries, linker: string | undefined) {
    this.#libraries = libraries
    this.#linker = linker
    const architecture = /\/ld-musl-([^/]+)\.so\.1$/.exec(linker ?? '')?.[1]
    this.#muslPaths = architecture && `/etc/ld-musl-${architecture}.path`
  }

  add(object: Loaded): void {
    this.#objects.push(object)
  }

  /** Paths of all libraries. */
  run(): string[] {
    let at = 0
    const loadAll = () => {
      for (; at < this.#objects.length; at++) this.#loadNeeded(this.#objects[at] as Loaded)
    }
    loadAll()
    if (this.#muslPaths === undefined) for (const object of [...this.#objects]) this.#loadOpened(object)
    loadAll()
    return this.#objects.slice(1).map(({ path }) => path)
  }

  #loadNeeded(object: Loaded): void {
    for (const name of object.elf.needed) {
      if (this.#load(name, object)) continue
      throw fileNotFound(`${object.path} needs the library ${name}, which is not installed`, {
        path: object.path,
        library: name,
      })
    }
  }

  /** Libraries that glibc opens by itself, without which what it promises fails. Some hosts do well without. */
  #loadOpened(object: Loaded): void {
    const { elf } = object
    // From 2.34 on libc resolves names of users and hosts itself.
    const isOldLibc = elf.soname === 'libc.so.6' && !elf.hasDynamicString('GLIBC_2.34')
    if (isOldLibc)
      for (const name of ['libnss_files.so.2', 'libnss_dns.so.2', 'libresolv.so.2']) this.#load(name, object)
    // To unwind a thread's stack when it is cancelled or leaves.
    if (!this.#found.has(unwinder) && usesThreads(elf)) this.#load(unwinder, object)
  }

  #load(name: string, requester: Loaded): boolean {
    const isOwn = this.#muslPaths !== undefined && muslOwn.test(name)
    // glibc's libraries need their linker by its name.
    if (isOwn || this.#found.has(name) || this.#linker?.endsWith(`/${name}`)) return true
    const library = this.#libraries.find(name, requester, this.#muslPaths)
    if (!library) return false
    this.#found.add(name)
    if (library.elf.soname !== undefined) this.#found.add(library.elf.soname)
    if (!this.#objects.some(({ path }) => path === library.path)) this.#objects.push(library)
    return true
  }
}

const unwinder = 'libgcc_s.so.1'

function usesThreads(elf: Elf): boolean {
  if (elf.soname === 'libc.so.6' || elf.soname === 'libpthread.so.0') return false
  return (
    elf.needed.includes('libpthread.so.0') ||
    ['pthread_cancel', 'pthread_exit'].some((name) => elf.hasDynamicString(name))
  )
}

/** DT_RUNPATH is the object's own; DT_RPATH, where there is none, also that of all that led to the object. */
function ownDirectories(requester: Loaded): string[] {
  if (requester.elf.runpath.length > 0) return requester.elf.runpath.flatMap((path) => expand(path, requester))
  const directories: string[] = []
  for (let object: Loaded | undefined = requester; object; object = object.loader) {
    const { elf } = object
    if (elf.runpath.length > 0) continue
    for (const path of elf.rpath) directories.push(...expand(path, object))
  }
  return directories
}

/** The linker's variables; `$LIB` differs between distributions, so each of its values is tried. */
function expand(path: string, { origin, elf }: Loaded): string[] {
  const withOrigin = path.replace(/\$(?:\{ORIGIN\}|ORIGIN\b)/g, origin)
  const own = multiarch[`${elf.machine}/${elf.bits}`]
  const libs = /\$(?:\{LIB\}|LIB\b)/.test(withOrigin) ? [...(own ? [`lib/${own}`] : []), 'lib64', 'lib'] : ['']
  return libs
    .map((lib) => withOrigin.replace(/\$(?:\{LIB\}|LIB\b)/g, lib))
    .filter((expanded) => expanded.startsWith('/') && !expanded.includes('$'))
}

function isSameMachine(a: Elf, b: Elf): boolean {
  return a.bits === b.bits && a.machine === b.machine && a.isLittleEndian === b.isLittleEndian
}
