import { openContent } from '../content/content.js'
import { type Digest, isDigest } from '../content/digest.js'
import { failpoint } from '../errors/failpoint.js'
import { InvalidOptionError } from '../errors/index.js'
import { native } from '../host/index.js'
import { parseReference, withDefaultTag } from '../reference/reference.js'
import type { SnapshotDriver } from '../snapshot/driver.js'
import type { Database } from '../store/database.js'
import { openImageRecords } from '../store/images.js'
import type { ArchiveSource } from './archive/source.js'
import { openCatalogue } from './catalogue.js'
import { type Collection, openCollection } from './collection.js'
import { makeHostImage, reuseHostImage } from './host/from-host.js'
import { type FromHostOptions, normalizeFromHost } from './host/options.js'
import { openHostImageMemory } from './host/reuse.js'
import { type ImportOptions, importRootfs } from './import.js'
import { filterImages, type ListImagesOptions } from './list.js'
import { type ImageContext, type LoadOptions, loadArchive } from './load.js'
import { removeImage } from './remove.js'
import type { ImageContent, ImageRecord, LoadedImage, RemovedItem } from './types.js'

/** The images of a root. Any number of processes may have the same root open. */
export interface ImageStore {
  /**
   * Adds the images of an archive: `docker save`'s, an OCI layout, or both in one; a tar (plain, gzip or zstd) by path or
   * as a stream, or a directory. All of them are added, or none.
   *
   * @throws {InvalidOptionError} `INVALID_ARCHIVE`; {DigestMismatchError}; {LayerError}; {NotFoundError} `FILE_NOT_FOUND`
   */
  load(source: ArchiveSource, options?: LoadOptions): Promise<LoadedImage[]>
  /** Makes an image of a root filesystem's tar, as `docker import` does. */
  import(source: ArchiveSource, options?: ImportOptions): Promise<LoadedImage>
  /**
   * Makes an image of the host's own programs, with the libraries, dynamic linker and interpreters that they need. The
   * same host files make the same image; a repeated call with unchanged files only looks at them.
   *
   * @throws {NotFoundError} `FILE_NOT_FOUND` for a program, library or interpreter that the host lacks
   */
  fromHost(options: FromHostOptions): Promise<LoadedImage>
  /**
   * The image of a name, an ID, or a unique prefix of an ID. On the path of every start: synchronous, one indexed query,
   * none for a full ID that was asked for before (which may have been removed meanwhile).
   *
   * @throws {NotFoundError} `IMAGE_NOT_FOUND`; {ConflictError} `AMBIGUOUS_ID`; {InvalidOptionError} `INVALID_REFERENCE`
   */
  resolve(nameOrId: string): ImageContent
  /** The same with the names it has now, and nothing taken from memory. */
  get(nameOrId: string): ImageRecord
  /** Newest first. */
  list(options?: ListImagesOptions): ImageRecord[]
  /** Gives an image one more name; another image loses it. */
  tag(nameOrId: string, reference: string): void
  /** Docker's `rmi`. @throws {ConflictError} `IMAGE_IN_USE` */
  remove(nameOrId: string, options?: { force?: boolean }): Promise<RemovedItem[]>
  /** Removes what killed processes and removed images have left. Microseconds when there is nothing. */
  sweep(): Promise<void>
}

export interface OpenImagesOptions {
  readonly root: string
  readonly database: Database
  readonly snapshots: SnapshotDriver
}

export function openImages({ root, database, snapshots }: OpenImagesOptions): ImageStore {
  const records = openImageRecords(database)
  const content = openContent(root, native())
  const context: ImageContext = { root, native: native(), content, snapshots, records }
  const catalogue = openCatalogue(records)
  const memory = openHostImageMemory(root)
  const collection = openCollection(root, native(), () => {
    memory.sweep(records.has)
    return collect(context)
  })

  return {
    load: (source, options = {}) =>
      changing(context, collection, options.signal, () => loadArchive(context, source, options)),
    import: (source, options = {}) =>
      changing(context, collection, options.signal, () => importRootfs(context, source, options)),
    async fromHost(options) {
      options.signal?.throwIfAborted()
      const request = normalizeFromHost(options)
      return (
        reuseHostImage(context, memory, request) ??
        changing(context, collection, options.signal, () => makeHostImage(context, memory, request, options.signal))
      )
    },
    resolve: catalogue.resolve,
    get: catalogue.get,
    list: (options = {}) => filterImages(catalogue.list(), options),
    tag(nameOrId, reference) {
      const name = withDefaultTag(parseReference(reference))
      if (name.digest !== undefined) throw digestTag(reference)
      database.transaction(() => records.tag(name.toString(), catalogue.resolve(nameOrId).id))
    },
    async remove(nameOrId, { force = false } = {}) {
      catalogue.resolve(nameOrId)
      return collection.change(async () =>
        database.transaction(() => removeImage(records, catalogue.get(nameOrId), nameOrId, force)),
      )
    },
    sweep: collection.sweep,
  }
}

/** Runs what adds images, with collectors kept away. */
function changing<Result>(
  { snapshots }: ImageContext,
  collection: Collection,
  signal: AbortSignal | undefined,
  body: () => Promise<Result>,
): Promise<Result> {
  return collection.change(async () => {
    using _ = snapshots.hold()
    return await body()
  }, signal)
}

/** Removes everything that no record names. */
async function collect({ records, content, snapshots }: ImageContext): Promise<boolean> {
  failpoint('collection.records')
  records.deleteUnusedSnapshots()
  const blobs = new Set(records.blobs())
  content.sweep((digest: Digest) => isDigest(digest) && blobs.has(digest))
  return snapshots.sweep(() => new Set(records.chainIds()))
}

function digestTag(reference: string): InvalidOptionError {
  return new InvalidOptionError('refusing to create a tag with a digest reference', {
    code: 'INVALID_REFERENCE',
    details: { reference },
  })
}
