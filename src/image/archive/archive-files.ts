import { cleanName, type TarEntry } from '../../layer/index.js'
import { invalidArchive, shown } from '../documents/invalid.js'

const maxLinks = 16

/** The files of a tar by their names, with links between them. Of files with one name the last counts, as in any tar. */
export class ArchiveFiles<File> {
  readonly #files = new Map<string, File>()
  readonly #links = new Map<string, string>()

  get size(): number {
    return this.#files.size
  }

  addFile(entry: TarEntry, file: File): void {
    const name = cleanName(entry.name)
    this.#files.set(name, file)
    this.#links.delete(name)
  }

  /** What is no file: links are followed, directories passed over. @throws {InvalidOptionError} for devices and pipes */
  addOther(entry: TarEntry): void {
    const name = cleanName(entry.name)
    if (entry.kind === 'symlink' || entry.kind === 'hardlink') {
      this.#links.set(name, linkTarget(name, entry))
      this.#files.delete(name)
    } else if (entry.kind !== 'directory') {
      throw invalidArchive(`${shown(entry.name)} is a device or pipe, which an image archive cannot have`)
    }
  }

  find(name: string): File | undefined {
    let at: string | undefined = name
    for (let followed = 0; at !== undefined && followed < maxLinks; followed++) {
      const file = this.#files.get(at)
      if (file !== undefined) return file
      at = this.#links.get(at)
    }
    return undefined
  }

  /** @throws {InvalidOptionError} `INVALID_ARCHIVE` */
  get(name: string): File {
    const file = this.find(name)
    if (file !== undefined) return file
    throw invalidArchive(`The archive has no ${shown(name)}: it is incomplete or truncated.`, { missing: name })
  }
}

/** Older versions of `docker save` write a layer that two images share once, and a symlink for the second. */
function linkTarget(name: string, entry: TarEntry): string {
  if (entry.kind === 'hardlink') return cleanName(entry.linkname)
  const slash = name.lastIndexOf('/')
  return cleanName(entry.linkname.startsWith('/') ? entry.linkname : `${name.slice(0, slash + 1)}${entry.linkname}`)
}
