import type { Database } from './database.js'

export interface ImageRow {
  readonly id: string
  /** The configuration document. */
  readonly config: string
  /** Digest of the manifest it came with, if any. */
  readonly manifest: string | null
  /** Bytes of all layers' files. */
  readonly size: number
  /** RFC 3339. */
  readonly created_at: string
  /** The local image that it was committed from; there is one as long as this is. */
  readonly parent: string | null
  /** ms, of the last name that somebody here gave it. */
  readonly tagged_at: number | null
}

export interface LayerRow {
  readonly diff_id: string
  readonly chain_id: string
  /** Digest of the blob as it came, compressed or not. */
  readonly blob: string | null
  readonly media_type: string | null
}

export interface SnapshotRow {
  readonly chain_id: string
  readonly parent: string | null
  readonly diff_id: string
  readonly size: number
}

/** The blob that a registry's repository has for a layer. */
export interface RemoteLayerRow {
  readonly diff_id: string
  /** `docker.io/library/redis` */
  readonly repository: string
  readonly digest: string
  readonly size: number
  readonly media_type: string
}

export interface ContainerUse {
  readonly id: string
  readonly name: string
  readonly phase: string
}

/** A snapshot as a load hands it over. */
export interface NewSnapshot extends SnapshotRow {
  /** Whether its files were made by this load, and perhaps made anew. */
  readonly isMade?: boolean
}

/** An image as a load hands it over; layers bottom first. */
export interface NewImage extends Omit<ImageRow, 'parent' | 'tagged_at'> {
  readonly parent?: string | null
  readonly tagged_at?: number | null
  readonly layers: readonly LayerRow[]
  readonly snapshots: readonly NewSnapshot[]
  /** Normalised; each is moved here when it names another image. */
  readonly references: readonly string[]
  /** Where its layers came from. */
  readonly remoteLayers?: readonly RemoteLayerRow[] | undefined
  /** Nobody sees it: there for what names it only. Layers of one that is there are replaced. */
  readonly isHidden?: boolean
}

/** A layer's blob that is to be kept in place of another. */
export interface ReplacedBlob {
  readonly diff_id: string
  readonly from: string
  readonly blob: string
  readonly media_type: string
}

/** What the records know after a push. */
export interface PushRecord {
  readonly image: string
  /** Where the push has made one. */
  readonly manifest?: string | undefined
  /** Also for other images, unless the manifest they came with names the former blob. */
  readonly blobs: readonly ReplacedBlob[]
  /** Normalised. */
  readonly references: readonly string[]
  readonly remoteLayers: readonly RemoteLayerRow[]
}

/** The tables of images, layers, tags and snapshots. Every method is one transaction. */
export interface ImageRecords {
  /**
   * Adds the images, all or none; of those that are there already only the names.
   *
   * @param mark of what is not on the disk yet; without one all of it is
   * @param recorded called at the end of the transaction
   */
  putAll(
    images: readonly NewImage[],
    also?: { readonly mark?: string | undefined; readonly recorded?: () => void },
  ): void
  /** All marks of what is not on the disk yet. */
  marks(): string[]
  /** What has one of these marks is on the disk. */
  clearMarks(marks: readonly string[]): void
  /** The snapshots with one of these marks, and the images that have the mark or such a snapshot. */
  marked(marks: readonly string[]): { readonly snapshots: readonly string[]; readonly images: readonly string[] }
  has(id: string): boolean
  get(id: string): ImageRow | undefined
  /** Also one that was removed while containers of it are left: it is theirs only. */
  getUsed(id: string): ImageRow | undefined
  layers(id: string): LayerRow[]
  idOfTag(reference: string): string | undefined
  /** The image that was loaded with this manifest and has a name in this repository (`docker.io/library/redis`). */
  idOfManifest(manifest: string, repository: string): string | undefined
  /** At most two ids that begin with `prefix` (`sha256:ab...`). */
  idsWithPrefix(prefix: string): string[]
  references(id: string): string[]
  /** @param at ms, when somebody here gave the name; undefined when it came with the image */
  tag(reference: string, id: string, at?: number): void
  /** Gives an image names that came from elsewhere; false when there is no such image. */
  addNames(id: string, references: readonly string[]): boolean
  /** Gives an image that has no manifest the one that a registry has for it. */
  adoptManifest(id: string, manifest: string): void
  untag(reference: string): boolean
  /** The tags of a repository (`docker.io/library/redis`), and what they stand for. */
  tagged(repository: string): { readonly reference: string; readonly image: string }[]
  /** What a push has made and found out; false when the image is gone. */
  recordPush(push: PushRecord): boolean
  containersUsing(id: string): ContainerUse[]
  /** Whether images were committed from this one. */
  hasChildren(id: string): boolean
  /** Removes the image, which has no children, and its names. One that containers use remains, for them only. */
  delete(id: string): void
  /** Removes an image that cannot be used, its names, and steps that have come to it. One that containers or other images need remains, for them only. */
  discard(id: string): void
  /** Whether it is a removed image that nothing uses any more. */
  isUnused(id: string): boolean
  /** Forgets the removed images that nothing uses any more. @returns whether there are others */
  deleteUnused(): boolean
  snapshot(chainId: string): SnapshotRow | undefined
  /** The blobs that images have for a layer. */
  layerBlobs(diffId: string): { readonly blob: string; readonly media_type: string | null }[]
  putRemoteLayers(layers: readonly RemoteLayerRow[]): void
  /** What repositories are known to have for a layer. */
  remoteLayers(diffId: string): RemoteLayerRow[]
  /** Whether some image has a layer with this chain id. */
  isChainUsed(chainId: string): boolean
  /** Bytes of the files of the snapshots that no image has. */
  unusedSize(): number
  /** Forgets the snapshots that no image has; their chain ids. */
  deleteUnusedSnapshots(): string[]
  /** Forgets where the layers are to be had that no image has. */
  deleteUnusedRemoteLayers(): void
  chainIds(): string[]
  /** Digests of every blob that a record names: layers and manifests. */
  blobs(): string[]
}

/** No container is made of an image, none has its files mounted, no step of a build has come to it, no build works with it, and no snapshot has it. */
const unused = `NOT EXISTS (SELECT 1 FROM containers WHERE image = images.id)
       AND NOT EXISTS (SELECT 1 FROM image_uses WHERE image = images.id)
       AND NOT EXISTS (SELECT 1 FROM build_steps WHERE image = images.id)
       AND NOT EXISTS (SELECT 1 FROM build_uses WHERE image = images.id)
       AND NOT EXISTS (SELECT 1 FROM container_snapshots WHERE image = images.id)`

export function openImageRecords(database: Database): ImageRecords {
  const { prepare, read, transaction } = database
  const insert = prepare<[string, string, string | null, number, string, string | null, number | null, 0 | 1], never>(
    'INSERT OR IGNORE INTO images (id, config, manifest, size, created_at, parent, tagged_at, is_removed) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  )
  const restore = prepare<[0 | 1, string | null, string], never>(
    'UPDATE images SET is_removed = ?, manifest = ? WHERE id = ? AND is_removed',
  )
  const removeLayers = prepare<[string], never>('DELETE FROM image_layers WHERE image = ?')
  const markImage = prepare<[string, string], never>('UPDATE images SET unsynced = ? WHERE id = ?')
  const markSnapshot = prepare<[string, string], never>('UPDATE snapshots SET unsynced = ? WHERE chain_id = ?')
  const marks = prepare<[], { unsynced: string }>(
    `SELECT unsynced FROM images WHERE unsynced IS NOT NULL
       UNION SELECT unsynced FROM snapshots WHERE unsynced IS NOT NULL`,
  )
  const clearImages = prepare<[string], never>('UPDATE images SET unsynced = NULL WHERE unsynced = ?')
  const clearSnapshots = prepare<[string], never>('UPDATE snapshots SET unsynced = NULL WHERE unsynced = ?')
  const markedSnapshots = prepare<[string], { chain_id: string }>('SELECT chain_id FROM snapshots WHERE unsynced = ?')
  const markedImages = prepare<[{ mark: string }], { id: string }>(
    `SELECT id FROM images WHERE unsynced = $mark UNION
       SELECT image FROM image_layers WHERE chain_id IN (SELECT chain_id FROM snapshots WHERE unsynced = $mark)`,
  )
  const insertLayer = prepare<[string, number, string, string, string | null, string | null], never>(
    'INSERT INTO image_layers (image, position, diff_id, chain_id, blob, media_type) VALUES (?, ?, ?, ?, ?, ?)',
  )
  const insertSnapshot = prepare<[string, string | null, string, number], never>(
    'INSERT OR IGNORE INTO snapshots (chain_id, parent, diff_id, size) VALUES (?, ?, ?, ?)',
  )
  const insertTag = prepare<[string, string], never>(
    'INSERT INTO tags (reference, image) VALUES (?, ?) ON CONFLICT (reference) DO UPDATE SET image = excluded.image',
  )
  const touch = prepare<[number, string], never>('UPDATE images SET tagged_at = ? WHERE id = ?')
  const exists = prepare<[string], unknown>('SELECT 1 FROM images WHERE id = ? AND NOT is_removed')
  const byId = prepare<[string], ImageRow>('SELECT * FROM images WHERE id = ? AND NOT is_removed')
  const anyById = prepare<[string], ImageRow>('SELECT * FROM images WHERE id = ?')
  const layers = prepare<[string], LayerRow>(
    'SELECT diff_id, chain_id, blob, media_type FROM image_layers WHERE image = ? ORDER BY position',
  )
  const byTag = prepare<[string], { image: string }>('SELECT image FROM tags WHERE reference = ?')
  // ':' and '@' begin what follows a repository's name; ';' and 'A' are the characters after them.
  const byManifest = prepare<[{ manifest: string; repository: string }], { id: string }>(
    `SELECT id FROM images WHERE manifest = $manifest AND EXISTS (SELECT 1 FROM tags WHERE image = images.id AND (
       reference >= $repository || ':' AND reference < $repository || ';' OR
       reference >= $repository || '@' AND reference < $repository || 'A')) LIMIT 1`,
  )
  const byPrefix = prepare<[string, string], { id: string }>(
    'SELECT id FROM images WHERE id >= ? AND id < ? AND NOT is_removed LIMIT 2',
  )
  const references = prepare<[string], { reference: string }>(
    'SELECT reference FROM tags WHERE image = ? ORDER BY reference',
  )
  const tagged = prepare<[{ repository: string }], { reference: string; image: string }>(
    "SELECT reference, image FROM tags WHERE reference >= $repository || ':' AND reference < $repository || ';' ORDER BY reference",
  )
  const setManifest = prepare<[string, string], never>('UPDATE images SET manifest = ? WHERE id = ?')
  const replaceBlob = prepare<[ReplacedBlob & { image: string }], never>(
    `UPDATE image_layers SET blob = $blob, media_type = $media_type WHERE diff_id = $diff_id AND blob = $from
       AND (image = $image OR image IN (SELECT id FROM images WHERE manifest IS NULL))`,
  )
  const untag = prepare<[string], never>('DELETE FROM tags WHERE reference = ?')
  const using = prepare<[{ id: string }], ContainerUse>(
    `SELECT id, name, phase FROM containers WHERE image = $id OR id IN (SELECT container FROM image_uses WHERE image = $id)
     ORDER BY created_at`,
  )
  const child = prepare<[string], unknown>('SELECT 1 FROM images WHERE parent = ? LIMIT 1')
  const remove = prepare<[string], never>(`DELETE FROM images WHERE id = ? AND ${unused}`)
  const untagAll = prepare<[string], never>('DELETE FROM tags WHERE image = ?')
  const markRemoved = prepare<[string], never>(
    'UPDATE images SET is_removed = 1, parent = NULL, tagged_at = NULL WHERE id = ?',
  )
  const isUnused = prepare<[string], unknown>(`SELECT 1 FROM images WHERE id = ? AND is_removed AND ${unused}`)
  // What is committed from a container of a removed image has that image as its parent.
  const removeUnused = prepare<[], never>(
    `DELETE FROM images WHERE is_removed AND ${unused}
       AND NOT EXISTS (SELECT 1 FROM images AS child WHERE child.parent = images.id)`,
  )
  const forgetSteps = prepare<[string], never>('DELETE FROM build_steps WHERE image = ?')
  // Those of steps stay until a prune, those of snapshots until a removal, which are followed by a collection.
  const removed = prepare<[], unknown>(
    `SELECT 1 FROM images WHERE is_removed AND NOT EXISTS (SELECT 1 FROM build_steps WHERE image = images.id)
       AND NOT EXISTS (SELECT 1 FROM container_snapshots WHERE image = images.id) LIMIT 1`,
  )
  const snapshot = prepare<[string], SnapshotRow>('SELECT * FROM snapshots WHERE chain_id = ?')
  const layerBlobs = prepare<[string], { blob: string; media_type: string | null }>(
    'SELECT DISTINCT blob, media_type FROM image_layers WHERE diff_id = ? AND blob IS NOT NULL',
  )
  const insertRemoteLayer = prepare<[string, string, string, number, string], never>(
    'INSERT OR REPLACE INTO remote_layers (diff_id, repository, digest, size, media_type) VALUES (?, ?, ?, ?, ?)',
  )
  const remoteLayers = prepare<[string], RemoteLayerRow>('SELECT * FROM remote_layers WHERE diff_id = ?')
  const byChain = prepare<[string], unknown>('SELECT 1 FROM image_layers WHERE chain_id = ? LIMIT 1')
  const removeSnapshots = prepare<[], { chain_id: string }>(
    'DELETE FROM snapshots WHERE chain_id NOT IN (SELECT chain_id FROM image_layers) RETURNING chain_id',
  )
  const unusedSize = prepare<[], { size: number | null }>(
    'SELECT sum(size) AS size FROM snapshots WHERE chain_id NOT IN (SELECT chain_id FROM image_layers)',
  )
  const removeRemoteLayers = prepare<[], never>(
    'DELETE FROM remote_layers WHERE diff_id NOT IN (SELECT diff_id FROM image_layers)',
  )
  const chainIds = prepare<[], { chain_id: string }>('SELECT chain_id FROM snapshots')
  const blobs = prepare<[], { blob: string }>(
    'SELECT blob FROM image_layers WHERE blob IS NOT NULL UNION SELECT manifest FROM images WHERE manifest IS NOT NULL',
  )

  const putRemoteLayers = (rows: readonly RemoteLayerRow[]) => {
    for (const { diff_id, repository, digest, size, media_type } of rows)
      insertRemoteLayer.run(diff_id, repository, digest, size, media_type)
  }

  const adoptManifest = prepare<[string, string], never>(
    'UPDATE images SET manifest = ? WHERE id = ? AND manifest IS NULL',
  )

  const put = (image: NewImage, mark: string | undefined) => {
    const { id, config, manifest, size, created_at, parent = null, tagged_at = null } = image
    const isRemoved = image.isHidden ? 1 : 0
    const isInserted = insert.run(id, config, manifest, size, created_at, parent, tagged_at, isRemoved).changes > 0
    const isNew = isInserted || restore.run(isRemoved, manifest, id).changes > 0
    if (!isInserted && tagged_at !== null) touch.run(tagged_at, id)
    // Manifest and blobs stay those that came first: they belong together. Those of a removed image may be gone.
    if (isNew) {
      removeLayers.run(id)
      image.layers.forEach((layer, position) => {
        insertLayer.run(image.id, position, layer.diff_id, layer.chain_id, layer.blob, layer.media_type)
      })
      if (mark !== undefined) markImage.run(mark, id)
    }
    for (const { chain_id, parent, diff_id, size, isMade = false } of image.snapshots) {
      const isNew = insertSnapshot.run(chain_id, parent, diff_id, size).changes > 0
      if (mark !== undefined && (isNew || isMade)) markSnapshot.run(mark, chain_id)
    }
    for (const reference of image.references) insertTag.run(reference, image.id)
    putRemoteLayers(image.remoteLayers ?? [])
  }

  return {
    putAll: (images, { mark, recorded } = {}) =>
      transaction(() => {
        for (const image of images) put(image, mark)
        recorded?.()
      }),
    marks: () => marks.all().map(({ unsynced }) => unsynced),
    clearMarks: (cleared) =>
      transaction(() => {
        for (const mark of cleared) {
          clearImages.run(mark)
          clearSnapshots.run(mark)
        }
      }),
    marked: (wanted) =>
      read(() => ({
        snapshots: wanted.flatMap((mark) => markedSnapshots.all(mark).map(({ chain_id }) => chain_id)),
        images: [...new Set(wanted.flatMap((mark) => markedImages.all({ mark }).map(({ id }) => id)))],
      })),
    has: (id) => exists.get(id) !== undefined,
    get: (id) => byId.get(id),
    getUsed: (id) => anyById.get(id),
    layers: (id) => layers.all(id),
    idOfTag: (reference) => byTag.get(reference)?.image,
    idOfManifest: (manifest, repository) => byManifest.get({ manifest, repository })?.id,
    idsWithPrefix: (prefix) => byPrefix.all(prefix, `${prefix}g`).map(({ id }) => id),
    references: (id) => references.all(id).map(({ reference }) => reference),
    tag: (reference, id, at) =>
      transaction(() => {
        insertTag.run(reference, id)
        if (at !== undefined) touch.run(at, id)
      }),
    addNames(id, names) {
      const isThere = () => exists.get(id) !== undefined
      if (names.every((name) => byTag.get(name)?.image === id)) return isThere()
      return transaction(() => {
        if (!isThere()) return false
        for (const name of names) insertTag.run(name, id)
        return true
      })
    },
    adoptManifest: (id, manifest) => void adoptManifest.run(manifest, id),
    untag: (reference) => untag.run(reference).changes > 0,
    tagged: (repository) => tagged.all({ repository }),
    recordPush: ({ image, manifest, blobs, references, remoteLayers }) =>
      transaction(() => {
        if (exists.get(image) === undefined) return false
        for (const blob of blobs) replaceBlob.run({ ...blob, image })
        if (manifest !== undefined) setManifest.run(manifest, image)
        for (const reference of references) insertTag.run(reference, image)
        putRemoteLayers(remoteLayers)
        return true
      }),
    containersUsing: (id) => using.all({ id }),
    hasChildren: (id) => child.get(id) !== undefined,
    delete: (id) =>
      transaction(() => {
        if (remove.run(id).changes > 0) return
        untagAll.run(id)
        markRemoved.run(id)
      }),
    discard: (id) =>
      transaction(() => {
        forgetSteps.run(id)
        untagAll.run(id)
        markRemoved.run(id)
      }),
    isUnused: (id) => isUnused.get(id) !== undefined,
    deleteUnused: () =>
      transaction(() => {
        while (removeUnused.run().changes > 0);
        return removed.get() !== undefined
      }),
    snapshot: (chainId) => snapshot.get(chainId),
    layerBlobs: (diffId) => layerBlobs.all(diffId),
    putRemoteLayers: (rows) => transaction(() => putRemoteLayers(rows)),
    remoteLayers: (diffId) => remoteLayers.all(diffId),
    isChainUsed: (chainId) => byChain.get(chainId) !== undefined,
    unusedSize: () => unusedSize.get()?.size ?? 0,
    deleteUnusedSnapshots: () => transaction(() => removeSnapshots.all().map(({ chain_id }) => chain_id)),
    deleteUnusedRemoteLayers: () => void removeRemoteLayers.run(),
    chainIds: () => chainIds.all().map(({ chain_id }) => chain_id),
    blobs: () => blobs.all().map(({ blob }) => blob),
  }
}
