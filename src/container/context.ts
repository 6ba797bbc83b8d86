import type { Readable, Writable } from 'node:stream'
import type { Abandoned } from '../engine/abandoned.js'
import type { EventsOptions } from '../engine/events.js'
import type { Image } from '../engine/image.js'
import type { Snapshot } from '../engine/snapshot.js'
import type { TakeSnapshotOptions } from '../engine/snapshot-capture.js'
import type { EngineEvent } from '../events/event.js'
import type { EventSink } from '../events/types.js'
import type { CommitImageRequest } from '../image/index.js'
import type { Freezer, Knob } from '../launch/cgroups.js'
import type { RunSecrets } from '../launch/run-plan.js'
import type { Session } from '../launch/session.js'
import type { Change, PackChangesResult } from '../snapshot/index.js'
import type { VolumePoint } from '../spec/mount-point.js'
import type { EnvInput, ImageRunConfig } from '../spec/options.js'
import type { UpdateOptions } from '../spec/update.js'
import type { ContainerRecord, ContainerStore, Outcome } from '../store/containers.js'
import type { ContainerCopies } from './copy.js'
import type { ContainerGraphDriver } from './inspect.js'
import type { ContainerNetworking } from './networking.js'

/** How the first process gets its streams from the caller that starts it. */
export interface StartStreams {
  /** Output is forwarded from the first byte; otherwise only the log has it. */
  readonly attached: boolean
  readonly rows: number
  readonly columns: number
  /** Nobody is attached; what one that removes itself has printed is told by {@link Live.session} all the same. */
  readonly watched?: boolean
  /** Told to the program of this start, and to nobody else. */
  readonly secrets?: RunSecrets
}

export const detachedStreams: StartStreams = { attached: false, rows: 0, columns: 0 }

export const watchedStreams: StartStreams = { ...detachedStreams, watched: true }

/** Whether output is forwarded from the first byte on. */
export const isForwarded = ({ attached, watched = false }: StartStreams, { rm }: { readonly rm: boolean }): boolean =>
  attached || (watched && rm)

/** A container that a supervisor of this process's making runs. */
export interface Live {
  readonly id: string
  readonly session: Session
  /** What it prints is told by the session, and whoever waits for it has to listen. */
  readonly isWatched: boolean
  /** Waits until the program has ended and is not started again, and the store knows. Rejects only when the engine is closed before. */
  ended(): Promise<Outcome>
  /** The same; waiting for it does not keep the process alive. */
  readonly end: Promise<Outcome>
  /** Waits until nothing of the run is left: the supervisor has gone, and what it recorded is settled. Never rejects. */
  gone(): Promise<void>
}

/** An exec as the engine launched it. */
export interface LiveExec {
  readonly session: Session
  readonly pid: number
  /** Never rejects. */
  readonly supervisorGone: Promise<void>
  /** None with a terminal, or when nobody reads it. */
  readonly pipes: ExecPipes | undefined
}

/** Our ends of an exec's pipes. */
export interface ExecPipes {
  readonly stdin: Writable | undefined
  readonly stdout: Readable
  readonly stderr: Readable
}

export interface ExecRequest {
  readonly id: string
  readonly command: readonly string[]
  readonly env: EnvInput | undefined
  readonly envFiles: readonly string[]
  readonly user: string
  readonly workdir: string
  readonly tty: boolean
  readonly stdin: boolean
  /** What `inspect()` tells of its output. */
  readonly stdout: boolean
  readonly stderr: boolean
  readonly privileged: boolean
  /** Nobody reads it. */
  readonly detached: boolean
  /** Only the whole of its output is wanted: its streams may end before anybody listens. */
  readonly gathered: boolean
  /** That it was created has been told already. */
  readonly isTold: boolean
  /** '': Docker's. */
  readonly detachKeys: string
  readonly rows: number
  readonly columns: number
}

/** What inspect needs of a container's image. */
export interface InspectImage {
  readonly config: ImageRunConfig
  readonly graphDriver: ContainerGraphDriver
}

/** A container's cgroup in a hierarchy. */
export interface ContainerCgroup {
  readonly version: 1 | 2
  readonly controllers: readonly string[]
  readonly path: string
}

/** How much a container's files are, in bytes. */
export interface ContainerSize {
  /** Of the files that it has made or changed. */
  readonly sizeRw: number
  /** The same together with its image's. */
  readonly sizeRootFs: number
}

/** A container's files beside its image's. The container may run, and be hostile. */
export interface ContainerFiles {
  size(options: { signal?: AbortSignal | undefined }): Promise<ContainerSize>
  changes(options: { signal?: AbortSignal | undefined }): Promise<Change[]>
  /** As a layer: an uncompressed tar at `file`. */
  packChanges(file: string, options: { signal?: AbortSignal | undefined }): Promise<PackChangesResult>
  /** All of them, as a tar that is made while it is read. */
  packRoot(options: { signal?: AbortSignal | undefined }): AsyncGenerator<Buffer, void, undefined>
}

/**
 * What the engine gives a container: the store, its places on disk, and the verbs that need every stage. The functions
 * of this folder decide about states; how a process is made is the engine's.
 */
export interface ContainerContext {
  readonly events: EventSink
  /**
   * Records an event of a container (`pause`, `exec_create: sh -c true`), with Docker's attributes and `extra` ones, in the
   * transaction that is under way, if there is one.
   */
  tell(record: ContainerRecord, action: string, extra?: Readonly<Record<string, string>>): void
  /** Records that an exec was created, which is not started yet. */
  tellExecCreated(record: ContainerRecord, request: ExecRequest): void
  /** Calls `listener` after transactions of whichever process; returns what ends it. */
  onCommit(listener: () => void): () => void
  /**
   * Somebody stops a container: recorded in one transaction with the event of the signal.
   *
   * @param signal undefined: nobody gets one
   */
  markStopped(record: ContainerRecord, signal: number | undefined): void
  /** Changes what is recorded of a container's limits and restart policy. @throws {InvalidOptionError}; {NotFoundError} CONTAINER_NOT_FOUND */
  reconfigure(id: string, options: UpdateOptions): { readonly before: ContainerRecord; readonly after: ContainerRecord }
  /** Undoes that: what is recorded is as in `before`. */
  restoreLimits(before: ContainerRecord): void
  /** The cgroup files that a container's limits are in, and what is written there. */
  limits(record: ContainerRecord): readonly Knob[]
  /** What has happened, and what happens. @throws {InvalidOptionError} INVALID_OPTION */
  eventsOf(options: EventsOptions): AsyncGenerator<EngineEvent, void, void>
  /** Whether the journal of events has the start of its program, and not its end. */
  isToldRunning(id: string): boolean
  readonly containers: ContainerStore
  readonly root: string
  readonly runRoot: string
  readonly bootId: string
  /** Containers started by this process that still run. */
  readonly live: Map<string, Live>
  /** Those of them whose program has ended, while the teardown goes on. */
  readonly finishing: Set<string>
  /** Ephemeral things whose process is no more. */
  readonly abandoned: Pick<Abandoned, 'finish' | 'sweep' | 'isGone'>
  /** Runs that are over, and looked at again: until nothing is left of them, or the engine is closed. */
  readonly unfinished: Map<string, Promise<void>>
  /**
   * created or exited → started with the next attempt, with its places on networks taken, in one transaction; undefined
   * when another process was first.
   */
  begin(id: string): Promise<ContainerRecord | undefined>
  /**
   * Makes sure that nobody uses the addresses of a container that has ended, also who shares its network still, and that
   * nobody who gets them is taken for it. Before they are free.
   */
  retireEndpoints(record: ContainerRecord): Promise<void>
  /**
   * The end of a run whose supervisor has seen it through: recorded, and its addresses and ports are free, in one transaction.
   *
   * @param isTold it has told the journal of events, too
   */
  end(record: ContainerRecord, outcome: Outcome, isTold: boolean): void
  /** The end of one that it has not, or that never began: recorded, with the events that it could not tell. */
  lose(record: ContainerRecord, outcome: Outcome, phase: 'exited' | 'created' | 'removing'): void
  /** Deletes a container's record; anonymous volumes that go with it are being removed from then on. */
  delete(record: ContainerRecord): boolean
  /** Unmounts what was mounted of volumes for runs of a container that are over. */
  releaseVolumes(id: string): Promise<void>
  /** Finishes what somebody was filling the volumes of a container with that he did not live to make ready. @throws {VolumeError} */
  finishFills(record: ContainerRecord): Promise<void>
  /** Removes those volumes of a deleted container that are being removed, and its image, if that was there for it only. @throws {VolumeError} */
  discardVolumes(record: ContainerRecord): Promise<void>
  /** Where a volume's files are on the host; '' where only its driver knows, and does not tell. */
  mountpointOf(point: VolumePoint): string
  /** Frees the addresses and ports of a container whose run directory the caller has locked: nothing of its run is left. */
  releaseNetwork(id: string): void
  /** Gives it another name, also where it is found by that. @throws {ConflictError} NAME_IN_USE */
  rename(id: string, name: string): Promise<void>
  /** Spawns a supervisor for a record in phase `started`; the lock stays the caller's. Rejects when the supervisor has gone. */
  launch(
    record: ContainerRecord,
    lock: number,
    streams: StartStreams,
  ): Promise<{ session: Session; pid: number; startedAtNs: bigint; supervisorGone: Promise<void> }>
  launchExec(record: ContainerRecord, pid: number, pidfd: number, request: ExecRequest): Promise<LiveExec>
  /**
   * Removes what tells of an exec, and its cgroup; of a lost one, everybody in that is killed. One that has ended stays while
   * others it has started run.
   *
   * @param tell is called before its record goes, by which it is found again when this process is killed
   * @throws {CleanupError}
   */
  clearExec(record: ContainerRecord, exec: string, state: 'ended' | 'lost', tell?: () => void): Promise<void>
  /** Removes the socket of an exec that has ended, and its cgroup if nobody is in that any more. */
  leaveExec(record: ContainerRecord, exec: string): boolean
  /**
   * Looks at a run that is over in a while, and again, until its end is recorded and nothing is left of it, or the engine is closed. For
   * whoever could not record it, or not clear it: because that failed, or somebody else held its lock.
   *
   * @param record undefined: there was none
   */
  lookAgain(id: string, record: ContainerRecord | undefined): void
  /** Whether a run has left something: cgroups, its places on networks, or with `files` the container's directory. */
  hasLeft(id: string, files: boolean): boolean
  /**
   * Undoes what is left of a run whose supervisor did not live to do it: processes, cgroups, and with `files` the
   * container's directory. @throws {CleanupError}
   */
  teardown(id: string, files: boolean): Promise<void>
  inspectImage(record: ContainerRecord): InspectImage
  /** Whether it is a step of a build that is under way: not to be removed by whoever tidies up. */
  isBuilding(id: string): boolean
  /** The host's. */
  readonly hostname: string
  /** The cgroups that it has, in all hierarchies; none while it does not run. */
  cgroups(id: string): readonly ContainerCgroup[]
  /** Its places on networks, ports and links, by the store. */
  networking(id: string): ContainerNetworking
  files(record: ContainerRecord): ContainerFiles
  /** Mounts the files of a container that does not run, where nobody else sees them: its root, and what is kept of all that it has mounted. */
  mountRoot(id: string, signal: AbortSignal): Promise<{ readonly root: number; readonly end: () => Promise<void> }>
  /** Does what the engine is closed only after: it stops when that begins, or with the signal. */
  working<Result>(signal: AbortSignal | undefined, body: (stop: AbortSignal) => Promise<Result>): Promise<Result>
  /** How files come into it and out of it; loaded when it is asked for. */
  copies(record: ContainerRecord): Promise<ContainerCopies>
  /** What makes its processes stand still, while it has cgroups. */
  freezer(id: string): Freezer | undefined
  commitImage(request: CommitImageRequest): Promise<Image>
  /** Takes its files and those of its volumes as they are at one moment. */
  takeSnapshot(id: string, options: TakeSnapshotOptions): Promise<Snapshot>
  /** Fires with ENGINE_CLOSED. */
  readonly closing: AbortSignal
}
