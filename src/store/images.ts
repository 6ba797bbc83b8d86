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

export interface ContainerUse {
  readonly id: string
  readonly name: string
  readonly phase: string
}

/** An image as a load hands it over; layers bottom first. */
export interface NewImage extends ImageRow {
  readonly layers: readonly LayerRow[]
  readonly snapshots: readonly SnapshotRow[]
  /** Normalised; each is moved here when it names another image. */
  readonly references: readonly string[]
}

/** The tables of images, layers, tags and snapshots. Every method is one transaction. */
export interface ImageRecords {
  /** Adds the images, all or none; of those that are there already only the names. */
  putAll(images: readonly NewImage[]): void
  has(id: string): boolean
  get(id: string): ImageRow | undefined
  layers(id: string): LayerRow[]
  list(): ImageRow[]
  idOfTag(reference: string): string | undefined
  /** The image that was loaded with this manifest and has a name in this repository (`docker.io/library/redis`). */
  idOfManifest(manifest: string, repository: string): string | undefined
  /** At most two ids that begin with `prefix` (`sha256:ab...`). */
  idsWithPrefix(prefix: string): string[]
  references(id: string): string[]
  tag(reference: string, id: string): void
  untag(reference: string): boolean
  containersUsing(id: string): ContainerUse[]
  /** Removes the image and its names. @throws a constraint error while a container uses it */
  delete(id: string): void
  snapshot(chainId: string): SnapshotRow | undefined
  /** Whether some image has a layer with this chain id. */
  isChainUsed(chainId: string): boolean
  /** Forgets the snapshots that no image has; their chain ids. */
  deleteUnusedSnapshots(): string[]
  chainIds(): string[]
  /** Digests of every blob that a record names: layers and manifests. */
  blobs(): string[]
}

export function openImageRecords(database: Database): ImageRecords {
  const { prepare, transaction } = database
  const insert = prepare<[string, string, string | null, number, string], never>(
    'INSERT OR IGNORE INTO images (id, config, manifest, size, created_at) VALUES (?, ?, ?, ?, ?)',
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
  const exists = prepare<[string], unknown>('SELECT 1 FROM images WHERE id = ?')
  const byId = prepare<[string], ImageRow>('SELECT * FROM images WHERE id = ?')
  const layers = prepare<[string], LayerRow>(
    'SELECT diff_id, chain_id, blob, media_type FROM image_layers WHERE image = ? ORDER BY position',
  )
  const all = prepare<[], ImageRow>('SELECT * FROM images ORDER BY created_at DESC, id')
  const byTag = prepare<[string], { image: string }>('SELECT image FROM tags WHERE reference = ?')
  // ':' and '@' begin what follows a repository's name; ';' and 'A' are the characters after them.
  const byManifest = prepare<[{ manifest: string; repository: string }], { id: string }>(
    `SELECT id FROM images WHERE manifest = $manifest AND EXISTS (SELECT 1 FROM tags WHERE image = images.id AND (
       reference >= $repository || ':' AND reference < $repository || ';' OR
       reference >= $repository || '@' AND reference < $repository || 'A')) LIMIT 1`,
  )
  const byPrefix = prepare<[string, string], { id: string }>('SELECT id FROM images WHERE id >= ? AND id < ? LIMIT 2')
  const references = prepare<[string], { reference: string }>(
    'SELECT reference FROM tags WHERE image = ? ORDER BY reference',
  )
  const untag = prepare<[string], never>('DELETE FROM tags WHERE reference = ?')
  const using = prepare<[string], ContainerUse>(
    'SELECT id, name, phase FROM containers WHERE image = ? ORDER BY created_at',
  )
  const remove = prepare<[string], never>('DELETE FROM images WHERE id = ?')
  const snapshot = prepare<[string], SnapshotRow>('SELECT * FROM snapshots WHERE chain_id = ?')
  const byChain = prepare<[string], unknown>('SELECT 1 FROM image_layers WHERE chain_id = ? LIMIT 1')
  const removeSnapshots = prepare<[], { chain_id: string }>(
    'DELETE FROM snapshots WHERE chain_id NOT IN (SELECT chain_id FROM image_layers) RETURNING chain_id',
  )
  const chainIds = prepare<[], { chain_id: string }>('SELECT chain_id FROM snapshots')
  const blobs = prepare<[], { blob: string }>(
    'SELECT blob FROM image_layers WHERE blob IS NOT NULL UNION SELECT manifest FROM images WHERE manifest IS NOT NULL',
  )

  const put = (image: NewImage) => {
    const isNew = insert.run(image.id, image.config, image.manifest, image.size, image.created_at).changes > 0
    // Manifest and blobs stay those that came first: they belong together.
    if (isNew) {
      image.layers.forEach((layer, position) => {
        insertLayer.run(image.id, position, layer.diff_id, layer.chain_id, layer.blob, layer.media_type)
      })
    }
    for (const { chain_id, parent, diff_id, size } of image.snapshots)
      insertSnapshot.run(chain_id, parent, diff_id, size)
    for (const reference of image.references) insertTag.run(reference, image.id)
  }

  return {
    putAll: (images) => transaction(() => images.forEach(put)),
    has: (id) => exists.get(id) !== undefined,
    get: (id) => byId.get(id),
    layers: (id) => layers.all(id),
    list: () => all.all(),
    idOfTag: (reference) => byTag.get(reference)?.image,
    idOfManifest: (manifest, repository) => byManifest.get({ manifest, repository })?.id,
    idsWithPrefix: (prefix) => byPrefix.all(prefix, `${prefix}g`).map(({ id }) => id),
    references: (id) => references.all(id).map(({ reference }) => reference),
    tag: (reference, id) => void insertTag.run(reference, id),
    untag: (reference) => untag.run(reference).changes > 0,
    containersUsing: (id) => using.all(id),
    delete: (id) => void remove.run(id),
    snapshot: (chainId) => snapshot.get(chainId),
    isChainUsed: (chainId) => byChain.get(chainId) !== undefined,
    deleteUnusedSnapshots: () => transaction(() => removeSnapshots.all().map(({ chain_id }) => chain_id)),
    chainIds: () => chainIds.all().map(({ chain_id }) => chain_id),
    blobs: () => blobs.all().map(({ blob }) => blob),
  }
}
