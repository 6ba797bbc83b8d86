import { closeSync, openSync, readSync } from 'node:fs'
import { resolve } from 'node:path'
import { shellWords } from '../../dockerfile/index.js'
import { encodeName } from '../../layer/index.js'
import { fileNotFound, type HostFiles, invalidPath } from './host-files.js'
import { Libraries } from './libraries.js'
import type { ImageTree } from './tree.js'

/** The kernel reads no more of a script's first line. */
const maxShebangBytes = 256
const maxInterpreters = 5

/** Puts programs into a tree with all that they need to be started. */
export class Programs {
  readonly #files: HostFiles
  readonly #tree: ImageTree
  readonly #libraries: Libraries
  readonly #path: string
  readonly #added = new Set<string>()

  /** @param path the host's PATH */
  constructor(files: HostFiles, tree: ImageTree, path: string) {
    this.#files = files
    this.#tree = tree
    this.#libraries = new Libraries(files)
    this.#path = path
  }

  /** Whether libraries are where only `/etc/ld.so.cache` tells the linker to look. */
  get needsLibraryCache(): boolean {
    return this.#libraries.needsCache
  }

  /**
   * Adds a program by name, as a shell finds it, or by path.
   *
   * @returns its path
   * @throws {NotFoundError} `FILE_NOT_FOUND`
   */
  add(program: string): string {
    const path = this.#locate(program)
    this.#addFile(path, 0)
    return path
  }

  #locate(program: string): string {
    if (program === '' || program.includes('\0'))
      throw invalidPath(`${JSON.stringify(program)} is not the name of a program`, program)
    if (program.includes('/')) return this.#executable(resolve(program), program)
    const directories = this.#path.split(':').filter((directory) => directory.startsWith('/'))
    const found = directories
      .map((directory) => `${directory.replace(/\/+$/, '')}/${program}`)
      .find((path) => this.#isExecutable(path))
    if (found !== undefined) return found
    throw fileNotFound(
      `executable ${JSON.stringify(program)} was not found in $PATH (searched ${this.#path || 'nothing: PATH is empty'})`,
      {
        executable: program,
        path: this.#path,
      },
    )
  }

  #executable(path: string, asGiven: string): string {
    if (!this.#files.file(path))
      throw fileNotFound(`executable ${asGiven} does not exist`, { executable: asGiven, path })
    if (!this.#isExecutable(path)) throw invalidPath(`${asGiven} is not executable`, path)
    return path
  }

  #isExecutable(path: string): boolean {
    return ((this.#files.file(path)?.stat.mode ?? 0n) & 0o111n) !== 0n
  }

  #addFile(path: string, depth: number): void {
    const real = this.#tree.hostFile(path)
    if (this.#added.has(real)) return
    this.#added.add(real)
    const elf = this.#files.elf(real)
    if (elf) for (const library of this.#libraries.of(real, elf)) this.#tree.hostFile(library)
    else this.#addInterpreter(real, depth)
  }

  /** A file that is neither ELF nor a script is what the caller says it is. */
  #addInterpreter(script: string, depth: number): void {
    const line = shebangOf(script)
    if (line === undefined) return
    if (depth >= maxInterpreters) throw invalidPath(`${script} has too many interpreters, one for another`, script)
    const [, interpreter = '', argument = ''] = /^\s*(\S+)\s*(.*?)\s*$/.exec(line) ?? []
    this.#addFile(this.#interpreter(interpreter, script), depth + 1)
    if (!/\/env$/.test(interpreter)) return
    const program = shellWords(argument.replace(/^(?:-S|--split-string=?)\s*/, '')).find((word) => !/^-|=/.test(word))
    if (program !== undefined) this.#addFile(this.#locate(program), depth + 1)
  }

  #interpreter(path: string, script: string): string {
    if (path.startsWith('/') && this.#files.file(path)) return path
    throw fileNotFound(`${script} needs the interpreter ${JSON.stringify(path)}, which does not exist`, {
      script,
      interpreter: path,
    })
  }
}

function shebangOf(path: string): string | undefined {
  const descriptor = openSync(encodeName(path), 'r')
  try {
    const head = Buffer.alloc(maxShebangBytes)
    const text = head.toString('utf8', 0, readSync(descriptor, head, 0, maxShebangBytes, 0))
    return text.startsWith('#!') ? (text.slice(2).split('\n', 1)[0] as string) : undefined
  } finally {
    closeSync(descriptor)
  }
}
