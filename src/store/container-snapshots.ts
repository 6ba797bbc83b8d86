import type { SnapshotDocument } from '../spec/snapshot-document.js'
import type { Database } from './database.js'
import { parseDocument, parseId } from './documents.js'

/** A volume as a snapshot has it. */
export interface SnapshotVolume {
  /** Directories that volumes share, top first: ids. */
  readonly layers: readonly string[]
  /** Whether volumes can be laid over them; else their files are copied. */
  readonly isShared: boolean
  /** Bytes of its files. */
  readonly size: number
}

export interface ContainerSnapshotRecord {
  /** 64 hex digits. */
  readonly id: string
  readonly name: string
  readonly createdAtMs: number
  /** By whoever holds its lock, or nobody any more. */
  readonly isMade: boolean
  /** The image, which nobody sees, that its clones are made of; undefined until it is made. */
  readonly image: string | undefined
  /** Bytes of the files that the container had made or changed. */
  readonly rootfsSize: number
  readonly document: SnapshotDocument
  /** In the order of the document's. */
  readonly volumes: readonly SnapshotVolume[]
}

/** The tables of snapshots of containers. */
export interface ContainerSnapshotStore {
  transaction<T>(body: () => T): T
  /** The same, and it is on the disk when this returns. */
  durable<T>(body: () => T): T
  /** Begins one; false when the name is taken. A transaction of its own, on the disk when this returns. */
  begin(snapshot: Pick<ContainerSnapshotRecord, 'id' | 'name' | 'createdAtMs' | 'document' | 'volumes'>): boolean
  setVolume(id: string, position: number, volume: SnapshotVolume): void
  /** In the transaction that records its image: it is made. */
  finish(id: string, image: string, rootfsSize: number): void
  get(id: string): ContainerSnapshotRecord | undefined
  getByName(name: string): ContainerSnapshotRecord | undefined
  /** At most two whose ids begin with this. */
  withPrefix(prefix: string): ContainerSnapshotRecord[]
  /** Ids of those that are not made yet, or whose maker was killed. */
  unfinished(): string[]
  /** Newest first. */
  list(): ContainerSnapshotRecord[]
  delete(id: string): void
  /** In the transaction that inserts a clone: its anonymous volumes go with it, however it is removed. */
  removesVolumes(container: string): void
}

interface Row {
  id: string
  name: string
  created_at: number
  is_made: number
  image: string | null
  rootfs_size: number
  document: string
}

interface VolumeRow {
  layers: string
  is_shared: number
  size: number
}

export function openContainerSnapshots(database: Database): ContainerSnapshotStore {
  const { prepare, transaction, durable, read } = database
  const insert = prepare<[string, string, number, string], never>(
    'INSERT INTO container_snapshots (id, name, created_at, document) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
  )
  const putVolume = prepare<[string, number, string, number, number], never>(
    `INSERT OR REPLACE INTO snapshot_volumes (snapshot, position, layers, is_shared, size) VALUES (?, ?, ?, ?, ?)`,
  )
  const finish = prepare<[string, number, string], never>(
    'UPDATE container_snapshots SET is_made = 1, image = ?, rootfs_size = ? WHERE id = ?',
  )
  const byId = prepare<[string], Row>('SELECT * FROM container_snapshots WHERE id = ?')
  const byName = prepare<[string], Row>('SELECT * FROM container_snapshots WHERE name = ?')
  const byPrefix = prepare<[string, string], Row>('SELECT * FROM container_snapshots WHERE id >= ? AND id < ? LIMIT 2')
  const all = prepare<[], Row>('SELECT * FROM container_snapshots ORDER BY created_at DESC, id')
  const unfinished = prepare<[], { id: string }>('SELECT id FROM container_snapshots WHERE NOT is_made')
  const volumesOf = prepare<[string], VolumeRow>(
    'SELECT layers, is_shared, size FROM snapshot_volumes WHERE snapshot = ? ORDER BY position',
  )
  const remove = prepare<[string], never>('DELETE FROM container_snapshots WHERE id = ?')
  const removesVolumes = prepare<[string], never>('UPDATE containers SET removes_volumes = 1 WHERE id = ?')

  const setVolume = (id: string, position: number, { layers, isShared, size }: SnapshotVolume) =>
    void putVolume.run(id, position, JSON.stringify(layers), isShared ? 1 : 0, size)
  const decode = (row: Row): ContainerSnapshotRecord => ({
    id: parseId(row.id, 'snapshot'),
    name: row.name,
    createdAtMs: row.created_at,
    isMade: row.is_made === 1,
    image: row.image ?? undefined,
    rootfsSize: row.rootfs_size,
    document: parseDocument(row.document, `snapshot ${row.id}`),
    volumes: volumesOf.all(row.id).map(({ layers, is_shared, size }) => ({
      layers: parseDocument(layers, `snapshot ${row.id}`),
      isShared: is_shared === 1,
      size,
    })),
  })
  const decodeAll = (rows: () => Row[]) => read(() => rows().map(decode))

  return {
    transaction,
    durable,
    begin: ({ id, name, createdAtMs, document, volumes }) =>
      durable(() => {
        if (insert.run(id, name, createdAtMs, JSON.stringify(document)).changes === 0) return false
        volumes.forEach((volume, position) => {
          setVolume(id, position, volume)
        })
        return true
      }),
    setVolume,
    finish: (id, image, rootfsSize) => void finish.run(image, rootfsSize, id),
    get: (id) => decodeAll(() => rowsOf(byId.get(id)))[0],
    getByName: (name) => decodeAll(() => rowsOf(byName.get(name)))[0],
    withPrefix: (prefix) => decodeAll(() => byPrefix.all(prefix, `${prefix}g`)),
    unfinished: () => unfinished.all().map(({ id }) => id),
    list: () => decodeAll(() => all.all()),
    delete: (id) => void remove.run(id),
    removesVolumes: (container) => void removesVolumes.run(container),
  }
}

const rowsOf = (row: Row | undefined) => (row ? [row] : [])
