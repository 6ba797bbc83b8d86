import { closeSync, fstatSync, readSync } from 'node:fs'
import { AT_FDCWD, native, O_DIRECTORY, O_RDONLY, withDescriptor } from '../../host/index.js'
import { type DigestedFiles, digestFiles, digestFilesHere } from '../../layer/index.js'
import type { TreeEntry } from './context-entry.js'
import { contextInvalid } from './context-errors.js'
import { beneath, openEntry, verifyUnchanged } from './context-file.js'
import type { ContextFiles } from './context-files.js'

/** A directory of the host. */
export interface DirectoryPlace {
  readonly path: string
  /** Removes it, where it was made for the context alone: then nobody else can change it. */
  readonly dispose?: () => Promise<void>
}

/** @throws {ContextError} CONTEXT_INVALID when there is no such directory */
export function directoryFiles({ path, dispose }: DirectoryPlace): ContextFiles {
  return new DirectoryFiles(openRoot(path), dispose !== undefined, dispose)
}

function openRoot(path: string): number {
  try {
    return native().openat2(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, 0)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw contextInvalid(`unable to prepare context: path ${JSON.stringify(path)} not found`)
    if (code === 'ENOTDIR') throw contextInvalid(`unable to prepare context: context must be a directory: ${path}`)
    throw error
  }
}

/** Files of a directory, opened when they are asked for. */
export class DirectoryFiles implements ContextFiles {
  readonly mode: number
  readonly isFixed: boolean
  readonly #root: number
  readonly #dispose: (() => Promise<void>) | undefined

  /**
   * @param root a descriptor, which is closed with them
   * @param dispose removes the directory, where it was made for the context
   */
  constructor(root: number, isFixed: boolean, dispose?: () => Promise<void>) {
    this.mode = fstatSync(root).mode
    this.isFixed = isFixed
    this.#root = root
    this.#dispose = dispose
  }

  scan(path: string, maxEntries: number): Promise<Uint8Array> {
    return native().scanDirectory(this.#root, path === '' ? '.' : path, beneath, maxEntries)
  }

  async digest(paths: readonly string[], isLittle: boolean, signal: AbortSignal | undefined): Promise<DigestedFiles> {
    const request = { root: this.#root, resolve: beneath, paths }
    return isLittle ? digestFilesHere(request) : digestFiles(request, signal)
  }

  read(entry: TreeEntry, maxBytes: number): Buffer {
    return withDescriptor(openEntry(this.#root, entry), (fd) => {
      const bytes = Buffer.alloc(Math.min(entry.size, maxBytes))
      let length = 0
      for (let read = -1; read !== 0 && length < bytes.length; length += read)
        read = readSync(fd, bytes, length, bytes.length - length, null)
      return bytes.subarray(0, length)
    })
  }

  async verifyUnchanged(entries: readonly TreeEntry[], maxEntries: number): Promise<void> {
    if (!this.isFixed) await verifyUnchanged(this.#root, entries, maxEntries)
  }

  async directory(): Promise<number> {
    return this.#root
  }

  async close(): Promise<void> {
    closeSync(this.#root)
    await this.#dispose?.()
  }
}
