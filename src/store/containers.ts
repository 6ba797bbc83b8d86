import { ConflictError, NotFoundError } from '../errors/index.js'
import type { HealthCheck } from '../spec/health.js'
import type { MountPoint } from '../spec/mount-point.js'
import type { ContainerConfig } from '../spec/options.js'
import type { Database } from './database.js'
import { parseDocument, parseId } from './documents.js'

/**
 * What the store knows of a container's life. `started` means that a supervisor was (or is being) launched: whether it
 * still runs is told by its run directory, see `src/container/observe.ts`. `dead`: its removal has failed.
 */
export type Phase = 'created' | 'started' | 'exited' | 'removing' | 'dead'

/** How the last run ended. Times are nanoseconds since the epoch, as decimal strings. */
export interface Outcome {
  readonly startedAtNs: string
  readonly finishedAtNs: string
  /** 128 + the signal's number when one ended it. */
  readonly exitCode: number
  /** The signal that ended it; 0: none. */
  readonly signal: number
  readonly oomKilled: boolean
  /** Why the program could not be started, as Docker's State.Error. */
  readonly error?: string
  /** How often its supervisor has started it again in that run. */
  readonly restarts?: number
  /** Bytes of output that the log could not take. */
  readonly logDropped?: number
  /** What its last health checks told: of this run, and of those before. Absent: there were none. */
  readonly health?: { readonly streak: number; readonly checks: readonly HealthCheck[] }
}

export interface ContainerRecord {
  readonly id: string
  readonly name: string
  /** The image's ID (digest of its configuration). */
  readonly image: string
  /** The image's name as the caller gave it. */
  readonly reference: string
  readonly createdAtMs: number
  readonly phase: Phase
  /** How often the container was started. */
  readonly attempt: number
  readonly bootId: string | undefined
  readonly config: ContainerConfig
  /** What is mounted in it, decided when it was made. */
  readonly mounts: readonly MountPoint[]
  /** Its volumes are made, and filled with what the image has in their places. */
  readonly isPrepared: boolean
  readonly outcome: Outcome | undefined
  /** Somebody has stopped it, and nobody started it since. */
  readonly isStopped: boolean
}

interface Row {
  id: string
  name: string
  image: string
  reference: string
  created_at: number
  phase: Phase
  attempt: number
  boot_id: string | null
  config: string
  mounts: string
  is_prepared: number
  removes_volumes: number
  outcome: string | null
  is_stopped: number
}

/** The table of containers. Every method is one transaction. */
export interface ContainerStore {
  /** @throws {ConflictError} NAME_IN_USE; {NotFoundError} IMAGE_NOT_FOUND when the image has gone meanwhile */
  insert(record: ContainerRecord): void
  /** By full id. */
  get(id: string): ContainerRecord | undefined
  getByName(name: string): ContainerRecord | undefined
  /** By name, id, or unique prefix of an id, in that order, as Docker does. */
  find(nameOrId: string): ContainerRecord
  list(): ContainerRecord[]
  /** created or exited → started with the next attempt; undefined when another process was first. */
  begin(id: string, bootId: string): ContainerRecord | undefined
  /** started (that attempt) → exited, or `phase`; false when it was settled already. */
  settle(id: string, attempt: number, outcome: Outcome, phase?: 'exited' | 'created' | 'removing'): boolean
  /** Its volumes are made and filled. */
  setPrepared(id: string): void
  /**
   * created, exited, dead → removing; false when it was started meanwhile (or is gone).
   *
   * @param volumes its anonymous volumes go with it; remembered, so that whoever finishes the removal knows
   */
  beginRemove(id: string, volumes: boolean): boolean
  /** Whether it is being removed together with its anonymous volumes. */
  removesVolumes(id: string): boolean
  /** removing → dead */
  setDead(id: string): void
  /** Somebody stops it: `unless-stopped` does not start it again after a reboot. */
  setStopped(id: string): void
  setConfig(id: string, config: ContainerConfig): void
  /** Something that is another one whenever a run has begun or its end is recorded; undefined when there is no such container. */
  progress(id: string): string | undefined
  /** The name that it had; undefined: there was none of that id. */
  delete(id: string): string | undefined
  rename(id: string, name: string): void
}

export function openContainers(database: Database): ContainerStore {
  const { prepare } = database
  const insert = prepare<
    [string, string, string, string, number, string, number, string | null, string, string, number],
    never
  >(
    'INSERT INTO containers (id, name, image, reference, created_at, phase, attempt, boot_id, config, mounts, is_prepared) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
  )
  const byId = prepare<[string], Row>('SELECT * FROM containers WHERE id = ?')
  const byName = prepare<[string], Row>('SELECT * FROM containers WHERE name = ?')
  const byLink = prepare<[string], Row>(
    `SELECT target.* FROM links JOIN containers AS target ON target.id = links.target
     JOIN containers AS owner ON owner.id = links.container WHERE owner.name || '/' || links.alias = ?`,
  )
  const byPrefix = prepare<[string, string], Row>('SELECT * FROM containers WHERE id >= ? AND id < ? LIMIT 2')
  const all = prepare<[], Row>('SELECT * FROM containers ORDER BY created_at DESC, rowid DESC')
  const begin = prepare<[string, string], Row>(
    "UPDATE containers SET phase = 'started', attempt = attempt + 1, boot_id = ?, is_stopped = 0 WHERE id = ? AND phase IN ('created', 'exited') RETURNING *",
  )
  const settle = prepare<[string, string, string, number], never>(
    "UPDATE containers SET phase = ?, outcome = ? WHERE id = ? AND attempt = ? AND phase = 'started'",
  )
  const setPrepared = prepare<[string], never>('UPDATE containers SET is_prepared = 1 WHERE id = ?')
  // One that was told to take its volumes along does so, whoever else wants it removed.
  const beginRemove = prepare<[number, string], never>(
    "UPDATE containers SET phase = 'removing', removes_volumes = max(removes_volumes, ?) WHERE id = ? AND phase <> 'started'",
  )
  const setDead = prepare<[string], never>("UPDATE containers SET phase = 'dead' WHERE id = ? AND phase = 'removing'")
  const setStopped = prepare<[string], never>('UPDATE containers SET is_stopped = 1 WHERE id = ?')
  const setConfig = prepare<[string, string], never>('UPDATE containers SET config = ? WHERE id = ?')
  const progress = prepare<[string], { progress: string }>(
    "SELECT phase || ' ' || attempt AS progress FROM containers WHERE id = ?",
  )
  const remove = prepare<[string], { name: string }>('DELETE FROM containers WHERE id = ? RETURNING name')
  const rename = prepare<[string, string], never>('UPDATE containers SET name = ? WHERE id = ?')

  const nameInUse = (name: string, cause: unknown) =>
    new ConflictError(
      `Conflict. The container name "/${name}" is already in use by container "${byName.get(name)?.id ?? ''}". You have to remove (or rename) that container to be able to reuse that name.`,
      { code: 'NAME_IN_USE', cause, details: { name, id: byName.get(name)?.id } },
    )

  const readList = listReader()

  return {
    insert(record) {
      try {
        insert.run(
          record.id,
          record.name,
          record.image,
          record.reference,
          record.createdAtMs,
          record.phase,
          record.attempt,
          record.bootId ?? null,
          JSON.stringify(record.config),
          JSON.stringify(record.mounts),
          record.isPrepared ? 1 : 0,
        )
      } catch (error) {
        if (isConstraint(error, 'UNIQUE')) throw nameInUse(record.name, error)
        if (isConstraint(error, 'FOREIGNKEY'))
          throw new NotFoundError(`No such image: ${record.reference}`, {
            code: 'IMAGE_NOT_FOUND',
            cause: error,
            details: { image: record.reference },
          })
        throw error
      }
    },
    get: (id) => decode(byId.get(id)),
    getByName: (name) => decode(byName.get(name)),
    find(nameOrId) {
      const key = nameOrId.startsWith('/') ? nameOrId.slice(1) : nameOrId
      const exact = byId.get(key) ?? byName.get(key) ?? (key.includes('/') ? byLink.get(key) : undefined)
      if (exact) return decode(exact) as ContainerRecord
      const matches = /^[0-9a-f]{1,64}$/.test(key) ? byPrefix.all(key, `${key}g`) : []
      if (matches.length > 1)
        throw new ConflictError(`Multiple IDs found with provided prefix: ${key}`, {
          code: 'AMBIGUOUS_ID',
          details: { prefix: key },
        })
      const only = decode(matches[0])
      if (only) return only
      throw noSuchContainer(nameOrId)
    },
    list: () => readList(all.all()),
    begin: (id, bootId) => decode(begin.get(bootId, id)),
    settle: (id, attempt, outcome, phase = 'exited') =>
      settle.run(phase, JSON.stringify(outcome), id, attempt).changes > 0,
    setPrepared: (id) => void setPrepared.run(id),
    beginRemove: (id, volumes) => beginRemove.run(volumes ? 1 : 0, id).changes > 0,
    removesVolumes: (id) => byId.get(id)?.removes_volumes === 1,
    setDead: (id) => void setDead.run(id),
    setStopped: (id) => void setStopped.run(id),
    setConfig: (id, config) => void setConfig.run(JSON.stringify(config), id),
    progress: (id) => progress.get(id)?.progress,
    delete: (id) => remove.get(id)?.name,
    rename(id, name) {
      try {
        rename.run(name, id)
      } catch (error) {
        if (isConstraint(error, 'UNIQUE')) throw nameInUse(name, error)
        throw error
      }
    },
  }
}

/** Whether a run is still that of the record, and its end is not recorded. @param now the container as it is recorded now */
export const isOfRun = (now: ContainerRecord | undefined, { attempt }: ContainerRecord): boolean =>
  now?.phase === 'started' && now.attempt === attempt

export function noSuchContainer(container: string): NotFoundError {
  return new NotFoundError(`No such container: ${container}`, { code: 'CONTAINER_NOT_FOUND', details: { container } })
}

/**
 * Decodes all rows. Configurations hardly ever change, and are most of what there is to parse: those of the list before are
 * taken as long as they have the same text.
 */
function listReader(): (rows: readonly Row[]) => ContainerRecord[] {
  let known = new Map<string, { readonly text: string; readonly config: ContainerConfig }>()
  return (rows) => {
    const now: typeof known = new Map()
    const records = rows.map((row) => {
      const before = known.get(row.id)
      const kept =
        before?.text === row.config ? before : { text: row.config, config: parse<ContainerConfig>(row.config, row) }
      now.set(row.id, kept)
      return toRecord(row, kept.config)
    })
    known = now
    return records
  }
}

function decode(row: Row | undefined): ContainerRecord | undefined {
  return row && toRecord(row, parse(row.config, row))
}

function toRecord(row: Row, config: ContainerConfig): ContainerRecord {
  return {
    id: parseId(row.id, 'container'),
    name: row.name,
    image: row.image,
    reference: row.reference,
    createdAtMs: row.created_at,
    phase: row.phase,
    attempt: row.attempt,
    bootId: row.boot_id ?? undefined,
    config,
    mounts: row.mounts === '[]' ? noMounts : parse(row.mounts, row),
    isPrepared: row.is_prepared === 1,
    outcome: row.outcome === null ? undefined : parse(row.outcome, row),
    isStopped: row.is_stopped === 1,
  }
}

const noMounts: readonly MountPoint[] = []

const parse = <Document>(text: string, { id }: Row) => parseDocument<Document>(text, `container ${id}`)

function isConstraint(error: unknown, kind: string): boolean {
  return (error as { code?: string }).code?.startsWith(`SQLITE_CONSTRAINT_${kind}`) ?? false
}
