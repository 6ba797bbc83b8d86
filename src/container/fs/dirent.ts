import type { Dirent } from 'node:fs'

/** What is in a directory of a container: `fs.Dirent`, but with paths of the container. */
export class ContainerDirent<Name extends string | Buffer = string> {
  readonly name: Name
  /** The directory that it is in. */
  readonly parentPath: string
  readonly #kind: Dirent

  /** @internal */
  constructor(name: Name, parentPath: string, kind: Dirent) {
    this.name = name
    this.parentPath = parentPath
    this.#kind = kind
  }

  isFile(): boolean {
    return this.#kind.isFile()
  }

  isDirectory(): boolean {
    return this.#kind.isDirectory()
  }

  isSymbolicLink(): boolean {
    return this.#kind.isSymbolicLink()
  }

  isFIFO(): boolean {
    return this.#kind.isFIFO()
  }

  isSocket(): boolean {
    return this.#kind.isSocket()
  }

  isCharacterDevice(): boolean {
    return this.#kind.isCharacterDevice()
  }

  isBlockDevice(): boolean {
    return this.#kind.isBlockDevice()
  }
}
