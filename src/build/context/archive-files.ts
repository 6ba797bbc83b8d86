import { fingerprintOfRecord, fingerprintWords, packScan, S_IFDIR } from '../../host/index.js'
import type { DigestedFiles } from '../../layer/index.js'
import { digestWords } from './content-digest.js'
import type { TreeEntry } from './context-entry.js'
import { contextChanged } from './context-errors.js'
import type { ContextFiles } from './context-files.js'
import type { ArchivedFile } from './small-archive.js'

/** Files of an archive in memory: they are on a disk once somebody copies some of them, and not before. */
export class ArchiveFiles implements ContextFiles {
  /** As that of the directory which they are unpacked to. */
  readonly mode = S_IFDIR | 0o700
  readonly isFixed = true
  readonly #root: ReadonlyMap<string, ArchivedFile>
  readonly #unpack: () => Promise<ContextFiles>
  #unpacked: Promise<ContextFiles> | undefined

  /** @param unpack writes them to a directory */
  constructor(root: ReadonlyMap<string, ArchivedFile>, unpack: () => Promise<ContextFiles>) {
    this.#root = root
    this.#unpack = unpack
  }

  async scan(path: string): Promise<Uint8Array> {
    const files = path === '' ? this.#root : this.#find(path).files
    return packScan([...(files?.values() ?? [])].map(({ record }) => record))
  }

  async digest(paths: readonly string[]): Promise<DigestedFiles> {
    const digests = new Uint32Array(paths.length * digestWords)
    const fingerprints = new Uint32Array(paths.length * fingerprintWords)
    for (const [index, path] of paths.entries()) {
      const { record, digest } = this.#find(path)
      Buffer.from(digests.buffer).set(digest, index * digestWords * 4)
      fingerprints.set(fingerprintOfRecord(record), index * fingerprintWords)
    }
    return { digests, fingerprints, changed: [] }
  }

  read({ path }: TreeEntry, maxBytes: number): Buffer {
    return Buffer.concat(this.#find(path).content).subarray(0, maxBytes)
  }

  async verifyUnchanged(): Promise<void> {}

  async directory(): Promise<number> {
    this.#unpacked ??= this.#unpack()
    return (await this.#unpacked).directory()
  }

  async close(): Promise<void> {
    const unpacked = await this.#unpacked?.catch(() => undefined)
    await unpacked?.close()
  }

  #find(path: string): ArchivedFile {
    let files: ReadonlyMap<string, ArchivedFile> | undefined = this.#root
    let found: ArchivedFile | undefined
    for (const name of path.split('/')) {
      found = files?.get(name)
      files = found?.files
    }
    if (!found) throw contextChanged(path)
    return found
  }
}
