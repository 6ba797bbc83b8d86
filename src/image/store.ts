import { openContent } from '../content/content.js'
import { type Digest, isDigest } from '../content/digest.js'
import { Gate } from '../content/gate.js'
import { failpoint } from '../errors/failpoint.js'
import type { EventSink } from '../events/types.js'
import { native } from '../host/index.js'
import type { TarLimits } from '../layer/index.js'
import { type Reference, withDefaultTag } from '../reference/reference.js'
import type { Repository } from '../registry/types.js'
import type { SnapshotDriver } from '../snapshot/driver.js'
import type { Database } from '../store/database.js'
import { openImageList } from '../store/image-list.js'
import { openImageRecords } from '../store/images.js'
import type { ArchiveSource } from './archive/source.js'
import { type RecordBuiltRequest, recordBuilt } from './built.js'
import { type WriteBuiltRequest, type WrittenBuild, writeBuilt } from './built-archive.js'
import { builtFiles, type ExportedFiles } from './built-files.js'
import { openCatalogue } from './catalogue.js'
import { type Collection, openCollection } from './collection.js'
import { type CommitImageRequest, commitImage } from './commit.js'
import { openDisk } from './disk.js'
import { parsePlatform } from './documents/platform.js'
import { imageTeller, tellTransfer } from './events.js'
import { type ImageHistoryEntry, imageHistory } from './history.js'
import type { FromHostOptions } from './host/options.js'
import { openHostImageMemory } from './host/reuse.js'
import { type ImportRequest, importRootfs } from './import.js'
import { type ImageInspect, inspectImage } from './inspect.js'
import { openLabels } from './labels.js'
import { type ImageSummary, type ListImagesOptions, listImages } from './list.js'
import { type ImageContext, type LoadHiddenRequest, type LoadRequest, loadArchive, loadHidden } from './load.js'
import { isMendingNeeded, mendImages } from './mend.js'
import { type PrunedImages, type PruneImagesOptions, pruneImages, pruneTargets } from './prune.js'
import { confirmImage, type PulledImage, type PullOptions, pullImage } from './pull.js'
import { type PushedImage, type PushRequest, pushImages } from './push.js'
import { type PushListRequest, pushList } from './push-list.js'
import { type RemoveImageOptions, removeImage } from './remove.js'
import { hiddenArchive, type SavedArchive, type SaveRequest, saveImages } from './save.js'
import { selectImages } from './save-names.js'
import type { SaveTarget } from './save-target.js'
import { type ImageSteps, openImageSteps } from './steps.js'
import { tagImage } from './tag.js'
import type { ImageContent, ImageRecord, LoadedImage, RemovedItem } from './types.js'
import type { ImageUsage } from './usage.js'

/** The images of a root. Any number of processes may have the same root open. */
export interface ImageStore {
  /**
   * Adds the images of an archive: `docker save`'s, an OCI layout, or both in one; a tar (plain, gzip or zstd) by path or
   * as a stream, or a directory. All of them are added, or none. They get to the disk behind the answer, see
   * {@link settled}.
   *
   * @throws {InvalidOptionError} `INVALID_ARCHIVE`; {DigestMismatchError}; {LayerError}; {NotFoundError} `FILE_NOT_FOUND`
   */
  load(source: ArchiveSource, options?: LoadRequest): Promise<LoadedImage[]>
  /**
   * Brings an image up to what its name means in the registry: `docker pull` of one name. Fetches what is not here, once
   * for all who want it; nothing of it is seen before all of it is there. It gets to the disk behind the answer.
   *
   * @throws {RegistryError}; {AuthError}; {DigestMismatchError}; {LayerError}; {NotFoundError} `PLATFORM_NOT_FOUND`
   */
  pull(repository: Repository, reference: Reference, options?: PullOptions): Promise<PulledImage>
  /**
   * Brings images to their registry, under the names they have here: `docker push`. Layers go as they came.
   *
   * @throws {NotFoundError} `IMAGE_NOT_FOUND`; {InvalidOptionError} `INVALID_REFERENCE`; {RegistryError}; {AuthError}
   */
  push(repository: Repository, reference: Reference, options?: PushRequest): Promise<PushedImage[]>
  /** Brings images for several platforms to a registry under one name. @throws as {@link push}, and `INVALID_OPTION` */
  pushList(
    repository: Repository,
    reference: Reference,
    images: readonly string[],
    options?: PushListRequest,
  ): Promise<PushedImage>
  /**
   * Writes images to an archive: `docker save`.
   *
   * @throws {NotFoundError} `IMAGE_NOT_FOUND`; {InvalidOptionError} `INVALID_OPTION`; {SyscallError}
   */
  save(names: readonly string[], target: SaveTarget, options?: SaveRequest): Promise<SavedArchive>
  /** Makes an image of a root filesystem's tar, as `docker import` does. */
  import(source: ArchiveSource, options?: ImportRequest): Promise<LoadedImage>
  /** Makes an image of a container's image and a layer on top, as `docker commit` does. @throws {LayerError} `TOO_MANY_LAYERS` */
  commit(request: CommitImageRequest): Promise<LoadedImage>
  /**
   * Loads an archive of one image that nobody sees.
   *
   * @throws {InvalidOptionError} `INVALID_ARCHIVE`; {DigestMismatchError}; {LayerError}
   */
  loadHidden(source: ArchiveSource, request: LoadHiddenRequest): Promise<void>
  /** Lends `body` the archive of an image, also of one that nobody sees, made while it is read. @throws {NotFoundError} `IMAGE_NOT_FOUND` */
  withArchive<Result>(
    id: string,
    body: (archive: AsyncIterable<Buffer>) => Promise<Result>,
    signal?: AbortSignal,
  ): Promise<Result>
  /** Removes an image that nobody sees, if nothing uses it any more: the last container of it is gone. */
  release(id: string): Promise<void>
  /** Runs a transaction after which images may not be needed any more, and removes those that are not. */
  releasing<Result>(body: () => Result): Promise<Result>
  /** Records what a build has made, under its names. @throws {LayerError} `TOO_MANY_LAYERS`; {InvalidOptionError} `INVALID_REFERENCE` */
  recordBuilt(request: RecordBuiltRequest): Promise<LoadedImage>
  /** Writes what a build has made to an archive or an OCI layout, and records nothing. @throws as {@link recordBuilt}, and {SyscallError} */
  writeBuilt(request: WriteBuiltRequest): Promise<WrittenBuild>
  /** Lends `body` the files of layers as one tar, made while it is read. @throws {NotFoundError} `CONTENT_NOT_FOUND` */
  withFiles<Result>(
    files: readonly ExportedFiles[],
    body: (tar: AsyncIterable<Buffer>) => Promise<Result>,
    signal?: AbortSignal,
  ): Promise<Result>
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
  /** Newest first. @throws {NotFoundError} `IMAGE_NOT_FOUND` for the image of a filter */
  list(options?: ListImagesOptions): ImageSummary[]
  /** Docker's `history`: newest step first. */
  history(nameOrId: string): ImageHistoryEntry[]
  /** By ID; none of an image that is not here (any more). */
  labelsOf(id: string): Readonly<Record<string, string>>
  /** Docker's `image inspect`. */
  inspect(nameOrId: string): ImageInspect
  /** Gives an image one more name; another image loses it. @throws {InvalidOptionError} `INVALID_REFERENCE` */
  tag(nameOrId: string, reference: string): void
  /** Docker's `rmi`. @throws {ConflictError} `IMAGE_IN_USE`, `IMAGE_HAS_CHILDREN` */
  remove(nameOrId: string, options?: RemoveImageOptions): Promise<RemovedItem[]>
  /** Docker's `image prune`. */
  prune(options?: PruneImagesOptions): Promise<PrunedImages>
  /** What steps of builds have come to. */
  readonly steps: ImageSteps
  /** What images take on the disk. */
  usage(): Promise<ImageUsage>
  /**
   * To be called before the images are used. Mends or removes what a power cut may have torn, and lets what other
   * processes of this boot have left get to the disk. Microseconds when there is nothing.
   */
  recover(): Promise<void>
  /** Removes what killed processes and removed images have left. Microseconds when there is nothing. */
  sweep(): Promise<void>
  /** Waits until nothing is on its way to the disk any more: to be called before the database is closed. */
  settled(): Promise<void>
}

export interface OpenImagesOptions {
  readonly root: string
  readonly database: Database
  readonly snapshots: SnapshotDriver
  /** Of the running kernel: what was written during another boot may not have reached the disk. */
  readonly bootId: string
  /** How many blobs all pulls together fetch at once. */
  readonly maxConcurrentDownloads: number
  /** How many blobs all pushes together send at once. */
  readonly maxConcurrentUploads: number
  /** What happens to images is told there. */
  readonly events?: EventSink | undefined
  /** Bounds on every layer that is extracted. */
  readonly layerLimits?: TarLimits | undefined
}

export function openImages({ root, database, snapshots, bootId, ...options }: OpenImagesOptions): ImageStore {
  const { maxConcurrentDownloads, maxConcurrentUploads, layerLimits, events } = options
  const records = openImageRecords(database)
  const imageList = openImageList(database)
  const content = openContent(root, native(), bootId)
  const disk = openDisk({ root, native: native(), records, bootId, onSynced: () => collection.sweep() })
  const labelsOf = openLabels(records)
  const tell = imageTeller(events, labelsOf)
  const context: ImageContext = {
    root,
    native: native(),
    disk,
    content,
    snapshots,
    records,
    layerLimits,
    downloads: new Gate(maxConcurrentDownloads),
    uploads: new Gate(maxConcurrentUploads),
    tell,
  }
  const catalogue = openCatalogue(records)
  const memory = openHostImageMemory(root)
  const collection = openCollection(root, native(), () => {
    memory.sweep(records.has)
    return collect(context)
  })

  const list = (options: ListImagesOptions = {}) =>
    database.read(() => listImages({ list: imageList, catalogue, labelsOf }, options))
  const removeNow = (nameOrId: string, options: RemoveImageOptions) =>
    database.transaction(() =>
      removeImage(records, catalogue.get(nameOrId), nameOrId, { ...options, read: catalogue.get, tell }),
    )

  return {
    async load(source, options = {}) {
      const images = await changing(context, collection, options.signal, () => loadArchive(context, source, options))
      disk.syncLater()
      return images
    },
    async pull(repository, reference, { platform, signal, onProgress = () => {} } = {}) {
      signal?.throwIfAborted()
      const wanted = platform === undefined ? undefined : parsePlatform(platform)
      const request = { repository, reference, platform: wanted, signal, onProgress }
      const confirmed = await confirmImage(context, request)
      const image = confirmed ?? (await changing(context, collection, signal, () => pullImage(context, request)))
      tellTransfer(tell, 'pull', image.id, withDefaultTag(reference))
      if (!confirmed) disk.syncLater()
      return image
    },
    push: (repository, reference, options = {}) =>
      changing(context, collection, options.signal, () => pushImages(context, repository, reference, options)),
    async pushList(repository, reference, names, options = {}) {
      return changing(context, collection, options.signal, () =>
        pushList(context, repository, reference, names.map(catalogue.get), options),
      )
    },
    save: (names, target, options = {}) =>
      collection.hold(async () => {
        const selected = selectImages(catalogue, records, names)
        const saved = await saveImages(context, selected, target, options)
        for (const { image } of selected) tell('save', image.id)
        return saved
      }, options.signal),
    import: (source, options = {}) =>
      changing(context, collection, options.signal, () => importRootfs(context, source, options)),
    commit: (request) => changing(context, collection, request.signal, () => commitImage(context, request)),
    loadHidden: (source, request) =>
      changing(context, collection, request.signal, () => loadHidden(context, source, request)),
    withArchive: (id, body, signal) => collection.hold(async () => body(await hiddenArchive(context, id)), signal),
    async release(id) {
      // What cannot be removed now is found by the next.
      if (records.isUnused(id)) await collection.sweep().catch(() => {})
    },
    releasing: (body) => collection.change(async () => body()),
    async recordBuilt(request) {
      const image = await changing(context, collection, request.signal, () => recordBuilt(context, request))
      disk.syncLater()
      return image
    },
    writeBuilt: (request) => changing(context, collection, request.signal, () => writeBuilt(context, request)),
    withFiles: (files, body, signal) => collection.hold(() => body(builtFiles(context, files, signal)), signal),
    async fromHost(options) {
      options.signal?.throwIfAborted()
      const base = options.from === undefined ? undefined : catalogue.get(options.from)
      const host = await import('./host/index.js')
      const request = host.normalizeFromHost(options, base?.id)
      return (
        host.reuseHostImage(context, memory, request) ??
        changing(context, collection, options.signal, () =>
          host.makeHostImage(context, memory, request, base, options.signal),
        )
      )
    },
    labelsOf,
    resolve: catalogue.resolve,
    get: catalogue.get,
    list,
    history: (nameOrId) => database.read(() => imageHistory(records, catalogue, catalogue.get(nameOrId))),
    inspect: (nameOrId) =>
      database.read(() => {
        const image = catalogue.get(nameOrId)
        return inspectImage(image, records.get(image.id)?.config ?? '{}', snapshots)
      }),
    tag: (nameOrId, reference) =>
      database.transaction(() => {
        const { id } = catalogue.get(nameOrId)
        tell('tag', id, { name: tagImage(records, id, reference).familiar() })
      }),
    async remove(nameOrId, options = {}) {
      catalogue.get(nameOrId)
      return collection.change(async () => removeNow(nameOrId, options))
    },
    prune: (options = {}) =>
      collection.change(async () => {
        const pruned = pruneImages(records, pruneTargets(imageList.lines(), labelsOf, options), removeNow)
        const attributes = { reclaimed: String(pruned.spaceReclaimed) }
        events?.record({ type: 'image', action: 'prune', id: '', attributes })
        return pruned
      }),
    steps: openImageSteps(context, collection, database),
    usage: async () => ({
      layersSize: imageList.layersSize(),
      contentSize: await native().treeSize(`${root}/content/sha256`),
      images: list(),
    }),
    async recover() {
      if (isMendingNeeded(context, bootId))
        await changing(context, collection, undefined, () => mendImages(context, bootId))
      disk.syncLater()
    },
    sweep: collection.sweep,
    settled: disk.settled,
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
  const isUsedRemoved = records.deleteUnused()
  records.deleteUnusedSnapshots()
  records.deleteUnusedRemoteLayers()
  const blobs = new Set(records.blobs())
  content.sweep((digest: Digest) => isDigest(digest) && blobs.has(digest))
  const isSwept = await snapshots.sweep(() => new Set(records.chainIds()))
  // A later collection is needed for images that only their containers have; and by the mark of one all is found that a
  // power cut has torn whose records it took along.
  return isSwept && !isUsedRemoved && records.marks().length === 0
}
