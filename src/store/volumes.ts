import type { Database } from './database.js'
import { parseDocument } from './documents.js'

export type VolumeState = 'creating' | 'ready' | 'removing'

export interface VolumeRecord {
  readonly name: string
  readonly driver: string
  readonly createdAtMs: number
  /** It got its name by itself. */
  readonly isAnonymous: boolean
  readonly labels: Readonly<Record<string, string>>
  /** Of the driver. */
  readonly options: Readonly<Record<string, string>>
  readonly state: VolumeState
  /** What it is over, shared with clones: ids, top first. Without any it is a directory. */
  readonly layers: readonly string[]
  /** The layer that its own directory is becoming. */
  readonly rebasing: string | undefined
}

/** A container that refers to a volume. */
export interface VolumeUse {
  readonly container: string
  readonly name: string
  readonly phase: string
}

/** What a driver has mounted for a run; the path is missing while it is being mounted. */
export interface VolumeMount {
  readonly volume: string
  readonly container: string
  readonly attempt: number
  readonly path: string | undefined
}

/** The tables of volumes, of who refers to them, and of what drivers have mounted. */
export interface VolumeStore {
  transaction<T>(body: () => T): T
  /** The same, and it is on the disk when this returns. */
  durable<T>(body: () => T): T
  get(name: string): VolumeRecord | undefined
  /** Those of these that there are: one lookup, however many. */
  named(names: readonly string[]): ReadonlyMap<string, VolumeRecord>
  /** By name. */
  list(): VolumeRecord[]
  /** Those that somebody is making, removing or laying over a new layer, or was when he died. */
  unfinished(): VolumeRecord[]
  /** False when there is one of that name. */
  insert(record: VolumeRecord): boolean
  /** creating → ready. */
  finish(name: string): void
  /** ready → removing, when no container refers to it. */
  beginRemove(name: string): boolean
  /** removing → ready: it could not be removed. */
  restore(name: string): void
  delete(name: string): void

  /** Its own directory is becoming a layer from now on: true when it is ready and no container that runs refers to it. */
  beginRebase(name: string, layer: string): boolean
  /** It is over these layers. */
  setLayers(name: string, layers: readonly string[]): void
  /** The layers that volumes, and snapshots of containers, refer to. */
  layers(): ReadonlySet<string>
  /** Those that snapshots of containers refer to. */
  snapshotLayers(): string[]

  /** Makes a container refer to volumes; in the transaction that inserts the container. */
  use(container: string, volumes: readonly { readonly volume: string; readonly isAnonymous: boolean }[]): void
  users(volume: string): VolumeUse[]
  /** Whether it goes with those who have it: an anonymous one, of containers alone that remove themselves. */
  isPassing(volume: string): boolean
  /** The volumes that a container refers to, but for those that are a directory and no more. */
  mountedBy(container: string): VolumeRecord[]
  /** Those of containers whose making is not done, or was cut short. */
  unprepared(): VolumeRecord[]
  /**
   * In the transaction that deletes a container: its anonymous volumes that no other container refers to → removing.
   *
   * @returns their names
   */
  retire(container: string): string[]

  /** Records that a volume is about to be mounted for a run. */
  beginMount(volume: string, container: string, attempt: number): void
  mounted(volume: string, container: string, attempt: number, path: string): void
  unmounted(volume: string, container: string, attempt: number): void
  /** All mounts, or those of a container. */
  mounts(container?: string): VolumeMount[]
  mountsOf(volume: string): VolumeMount[]

  /** Makes an image stay while a container has its files mounted; in the container's transaction. */
  useImage(container: string, image: string): void
}

interface Row {
  name: string
  driver: string
  created_at: number
  is_anonymous: number
  labels: string
  options: string
  state: VolumeState
  layers: string
  rebasing: string | null
}

interface MountRow {
  volume: string
  container: string
  attempt: number
  path: string | null
}

export function openVolumes(database: Database): VolumeStore {
  const { transaction, durable } = database
  return {
    transaction,
    durable,
    ...volumesTable(database),
    ...layers(database),
    ...uses(database),
    ...mounts(database),
  }
}

function volumesTable({ prepare }: Database) {
  const byName = prepare<[string], Row>('SELECT * FROM volumes WHERE name = ?')
  const byNames = prepare<[string], Row>('SELECT * FROM volumes WHERE name IN (SELECT value FROM json_each(?))')
  const all = prepare<[], Row>('SELECT * FROM volumes ORDER BY name')
  const unfinished = prepare<[], Row>("SELECT * FROM volumes WHERE state <> 'ready' OR rebasing IS NOT NULL")
  const insert = prepare<[string, string, number, number, string, string, string, string], never>(
    `INSERT INTO volumes (name, driver, created_at, is_anonymous, labels, options, state, layers)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  )
  const finish = prepare<[string], never>("UPDATE volumes SET state = 'ready' WHERE name = ? AND state = 'creating'")
  const beginRemove = prepare<[string], never>(
    `UPDATE volumes SET state = 'removing' WHERE name = ? AND state <> 'creating'
     AND NOT EXISTS (SELECT 1 FROM volume_uses WHERE volume = volumes.name)`,
  )
  const restore = prepare<[string], never>("UPDATE volumes SET state = 'ready' WHERE name = ? AND state = 'removing'")
  const remove = prepare<[string], never>('DELETE FROM volumes WHERE name = ?')
  return {
    get: (name: string) => decode(byName.get(name)),
    named: (names: readonly string[]) => {
      const rows = names.length > 0 ? byNames.all(JSON.stringify(names)) : []
      return new Map(rows.map((row) => [row.name, decode(row) as VolumeRecord]))
    },
    list: () => all.all().map((row) => decode(row) as VolumeRecord),
    unfinished: () => unfinished.all().map((row) => decode(row) as VolumeRecord),
    insert: (record: VolumeRecord) =>
      insert.run(
        record.name,
        record.driver,
        record.createdAtMs,
        record.isAnonymous ? 1 : 0,
        JSON.stringify(record.labels),
        JSON.stringify(record.options),
        record.state,
        JSON.stringify(record.layers),
      ).changes > 0,
    finish: (name: string) => void finish.run(name),
    beginRemove: (name: string) => beginRemove.run(name).changes > 0,
    restore: (name: string) => void restore.run(name),
    delete: (name: string) => void remove.run(name),
  }
}

function layers({ prepare }: Database) {
  // A removal that has begun may still have something running.
  const beginRebase = prepare<[string, string], never>(
    `UPDATE volumes SET rebasing = ? WHERE name = ? AND state = 'ready' AND rebasing IS NULL
     AND NOT EXISTS (SELECT 1 FROM volume_uses JOIN containers ON containers.id = volume_uses.container
       WHERE volume = volumes.name AND phase IN ('started', 'removing'))`,
  )
  const setLayers = prepare<[string, string], never>('UPDATE volumes SET layers = ?, rebasing = NULL WHERE name = ?')
  const all = prepare<[], { layer: string }>(
    `SELECT value AS layer FROM volumes, json_each(layers)
     UNION SELECT rebasing FROM volumes WHERE rebasing IS NOT NULL
     UNION SELECT value FROM snapshot_volumes, json_each(snapshot_volumes.layers)`,
  )
  const ofSnapshots = prepare<[], { layer: string }>(
    'SELECT DISTINCT value AS layer FROM snapshot_volumes, json_each(snapshot_volumes.layers)',
  )
  return {
    beginRebase: (name: string, layer: string) => beginRebase.run(layer, name).changes > 0,
    setLayers: (name: string, ids: readonly string[]) => void setLayers.run(JSON.stringify(ids), name),
    layers: () => new Set(all.all().map(({ layer }) => layer)),
    snapshotLayers: () => ofSnapshots.all().map(({ layer }) => layer),
  }
}

function uses({ prepare }: Database) {
  const use = prepare<[string, string], never>(
    `INSERT INTO volume_uses (container, volume, is_anonymous)
     SELECT ?, value ->> 'volume', value ->> 'isAnonymous' FROM json_each(?) WHERE true
     ON CONFLICT DO UPDATE SET is_anonymous = min(is_anonymous, excluded.is_anonymous)`,
  )
  const users = prepare<[string], VolumeUse>(
    `SELECT containers.id AS container, containers.name, containers.phase FROM volume_uses
     JOIN containers ON containers.id = volume_uses.container WHERE volume = ? ORDER BY containers.created_at`,
  )
  const passing = prepare<[string], unknown>(
    `SELECT 1 FROM volumes WHERE name = ? AND is_anonymous AND EXISTS (SELECT 1 FROM volume_uses WHERE volume = volumes.name)
     AND NOT EXISTS (SELECT 1 FROM volume_uses JOIN containers ON containers.id = volume_uses.container
       WHERE volume = volumes.name AND NOT containers.config ->> '$.rm')`,
  )
  const mountedBy = prepare<[string], Row>(
    `SELECT volumes.* FROM volume_uses JOIN volumes ON volumes.name = volume_uses.volume WHERE container = ?
     AND (driver <> 'local' OR options <> '{}' OR layers <> '[]' OR rebasing IS NOT NULL)`,
  )
  const unprepared = prepare<[], Row>(
    `SELECT DISTINCT volumes.* FROM containers JOIN volume_uses ON volume_uses.container = containers.id
     JOIN volumes ON volumes.name = volume_uses.volume WHERE NOT is_prepared`,
  )
  const retire = prepare<[string, string], { name: string }>(
    `UPDATE volumes SET state = 'removing' WHERE name IN (SELECT volume FROM volume_uses WHERE container = ? AND is_anonymous)
     AND NOT EXISTS (SELECT 1 FROM volume_uses WHERE volume = volumes.name AND container <> ?) RETURNING name`,
  )
  const useImage = prepare<[string, string], never>(
    'INSERT INTO image_uses (container, image) VALUES (?, ?) ON CONFLICT DO NOTHING',
  )
  return {
    use: (container: string, volumes: readonly { volume: string; isAnonymous: boolean }[]) =>
      void use.run(container, JSON.stringify(volumes.map(({ volume, isAnonymous }) => ({ volume, isAnonymous })))),
    users: (volume: string) => users.all(volume),
    isPassing: (volume: string) => passing.get(volume) !== undefined,
    mountedBy: (container: string) => mountedBy.all(container).map((row) => decode(row) as VolumeRecord),
    unprepared: () => unprepared.all().map((row) => decode(row) as VolumeRecord),
    retire: (container: string) => retire.all(container, container).map(({ name }) => name),
    useImage: (container: string, image: string) => void useImage.run(container, image),
  }
}

function mounts({ prepare }: Database) {
  const begin = prepare<[string, string, number], never>(
    'INSERT INTO volume_mounts (volume, container, attempt) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
  )
  const mounted = prepare<[string, string, string, number], never>(
    'UPDATE volume_mounts SET path = ? WHERE volume = ? AND container = ? AND attempt = ?',
  )
  const unmounted = prepare<[string, string, number], never>(
    'DELETE FROM volume_mounts WHERE volume = ? AND container = ? AND attempt = ?',
  )
  const all = prepare<[], MountRow>('SELECT * FROM volume_mounts')
  const byContainer = prepare<[string], MountRow>('SELECT * FROM volume_mounts WHERE container = ?')
  const byVolume = prepare<[string], MountRow>('SELECT * FROM volume_mounts WHERE volume = ?')
  return {
    beginMount: (volume: string, container: string, attempt: number) => void begin.run(volume, container, attempt),
    mounted: (volume: string, container: string, attempt: number, path: string) =>
      void mounted.run(path, volume, container, attempt),
    unmounted: (volume: string, container: string, attempt: number) => void unmounted.run(volume, container, attempt),
    mounts: (container?: string) => (container === undefined ? all.all() : byContainer.all(container)).map(decodeMount),
    mountsOf: (volume: string) => byVolume.all(volume).map(decodeMount),
  }
}

const none: Readonly<Record<string, string>> = Object.freeze({})
const noLayers: readonly string[] = Object.freeze([])

function decode(row: Row | undefined): VolumeRecord | undefined {
  return (
    row && {
      name: row.name,
      driver: row.driver,
      createdAtMs: row.created_at,
      isAnonymous: row.is_anonymous === 1,
      labels: row.labels === '{}' ? none : parse(row.labels, row),
      options: row.options === '{}' ? none : parse(row.options, row),
      state: row.state,
      layers: row.layers === '[]' ? noLayers : parse(row.layers, row),
      rebasing: row.rebasing ?? undefined,
    }
  )
}

const parse = <Document>(text: string, { name }: Row) => parseDocument<Document>(text, `volume ${name}`)

const decodeMount = ({ path, ...row }: MountRow): VolumeMount => ({ ...row, path: path ?? undefined })
