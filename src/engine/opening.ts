import { setMaxListeners } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { ContainerContext } from '../container/context.js'
import { lookAgain } from '../container/look-again.js'
import type { RunActions } from '../container/run-builder.js'
import { containerEvent } from '../events/container-event.js'
import type { EngineEvent } from '../events/event.js'
import { execWords } from '../events/exec-events.js'
import { openJournal } from '../events/journal.js'
import { type Outbox, openOutbox } from '../events/outbox.js'
import { openRunning } from '../events/running.js'
import { native, probeHost } from '../host/index.js'
import { type ImageProgress, openImages } from '../image/index.js'
import { rootAddressPools } from '../network/address-pools.js'
import { openSnapshots } from '../snapshot/index.js'
import { openBuildCacheStore } from '../store/build-caches.js'
import { onCommit } from '../store/commits.js'
import { openContainerList } from '../store/container-list.js'
import { openContainerSnapshots } from '../store/container-snapshots.js'
import { type ContainerStore, openContainers } from '../store/containers.js'
import { type Database, openDatabase } from '../store/database.js'
import { openEphemeral } from '../store/ephemeral.js'
import { openReuses } from '../store/reuses.js'
import { openWorkspaces } from '../store/workspaces.js'
import { Abandoned } from './abandoned.js'
import { containerKnobs, type Stages } from './assemble.js'
import { buildActions } from './build-actions.js'
import type { BuildActions } from './build-builder.js'
import { isBuilding } from './build-directory.js'
import { openCgroupParents } from './cgroup-parents.js'
import { markStopped, reconfigure, restoreLimits } from './container-changes.js'
import { containerFiles } from './container-files.js'
import { deleteContainer, discardVolumes, finishFills } from './container-volumes.js'
import { Containers } from './containers.js'
import { coveredContainers, coveredEphemeral, uncovering } from './covering-stores.js'
import { Emitter } from './emitter.js'
import { type EventsOptions, eventsOf } from './events.js'
import { clearExec, launchExec, leaveExec } from './exec-launcher.js'
import { graphDriver } from './graph-driver.js'
import { gatherHostFacts } from './host-facts.js'
import { Image, type ImagesContext } from './image.js'
import { settleUsers } from './image-users.js'
import { Images } from './images.js'
import { launchContainer } from './launcher.js'
import { hasLeft, tearDown } from './leftovers.js'
import type { LogFeeders } from './log-feeders.js'
import { containerNetworking } from './networking.js'
import { Networks } from './networks.js'
import { openNetworking } from './open-networking.js'
import { openVolumeKeeper } from './open-volumes.js'
import { Operation } from './operation.js'
import type { NormalizedEngineOptions } from './options.js'
import { Owner } from './owner.js'
import { preparePaths } from './paths.js'
import { type PullOptions, pulling } from './pull.js'
import { reconcile } from './reconcile.js'
import { type LazyRegistries, lazyRegistries } from './registries.js'
import { retireEndpoints } from './retire-endpoints.js'
import { runActions } from './run-actions.js'
import { beginRun, endRun, loseRun, releaseRun, renameContainer } from './runs.js'
import { Snapshot, type SnapshotsContext } from './snapshot.js'
import { Snapshots } from './snapshots.js'
import { rootPlan } from './undo-plans.js'
import { Volumes } from './volumes.js'

/** What an engine has while its root is open. */
export interface OpenRoot {
  readonly options: NormalizedEngineOptions
  readonly stages: Stages
  readonly context: ContainerContext
  readonly database: Database
  readonly registries: LazyRegistries
  readonly closing: AbortController
  /** A descriptor, locked as long as the root is in use. */
  readonly inUse: number
  readonly images: Images
  readonly containers: Containers
  readonly networks: Networks
  readonly volumes: Volumes
  readonly snapshots: Snapshots
  readonly actions: RunActions
  readonly builds: BuildActions
  /** Undefined: there are no drivers to feed. */
  readonly feeders: LogFeeders | undefined
  readonly emitter: Emitter
  /** Those that are not closed, the oldest first. */
  readonly scopes: Set<{ close(): Promise<void> }>
  events(options: EventsOptions): AsyncGenerator<EngineEvent, void, void>
  pull(reference: string, options: PullOptions): Operation<ImageProgress, Image | Image[]>
}

/** Opens a root. Apart from the engine's class: who only imports the package does not load what this works with. */
export async function openRoot(options: NormalizedEngineOptions): Promise<OpenRoot> {
  const { root, runRoot, storageDriver } = options
  probeHost()
  const paths = preparePaths(root, runRoot)
  const inUse = openSync(`${paths.runRoot}/engines`, 'a', 0o600)
  let database: Database | undefined
  let outbox: Outbox | undefined
  try {
    // The last engine of the root may be closing: in this process, waiting in the kernel would keep it from that.
    while (!native().flock(inUse, 'shared', false)) await delay(2)
    database = openDatabase(paths.database)
    const journal = openJournal(paths.root)
    outbox = openOutbox(database, journal)
    const snapshots = openSnapshots(`${paths.root}/snapshots`, storageDriver ? { driver: storageDriver } : {})
    const { layerLimits, maxConcurrentDownloads, maxConcurrentUploads } = options
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    const images = openImages({
      root: paths.root,
      database,
      snapshots,
      bootId,
      layerLimits,
      maxConcurrentDownloads,
      maxConcurrentUploads,
      events: outbox,
    })
    const closing = new AbortController()
    // As many may wait as there are containers.
    setMaxListeners(0, closing.signal)
    const recorded = openEphemeral(database)
    const uncover = uncovering(paths.runRoot, recorded)
    const ephemeral = coveredEphemeral(recorded, uncover)
    const containers = coveredContainers(openContainers(database), (id) => {
      if (owner.has({ kind: 'container', id })) owner.release(id)
    })
    const cgroups = openCgroupParents(paths.rootId, (id) => containers.get(id)?.config.cgroupParent ?? '')
    const pools = options.addressPools ?? rootAddressPools(paths.rootId)
    const networking = openNetworking(paths, database, pools, outbox, uncover)
    const owner = new Owner({
      runRoot: paths.runRoot,
      store: ephemeral,
      rootPlan: () => rootPlan(paths, networking.store, cgroups),
      loadRemoval: () => Promise.all([import('./ephemeral-close.js'), import('./network-disconnect.js')]),
    })
    const stages: Stages = {
      paths,
      images,
      snapshots,
      cgroups,
      host: gatherHostFacts(),
      networking,
      volumes: openVolumeKeeper(paths, database, options, snapshots, outbox, closing.signal, uncover),
      logDrivers: options.logDrivers,
      journal,
      outbox,
      buildCaches: openBuildCacheStore(database),
      containerSnapshots: openContainerSnapshots(database),
      workspaces: openWorkspaces(database),
      reuses: openReuses(database),
      ephemeral,
      owner,
    }
    const registries = lazyRegistries(options.registries)
    const context = containerContext(stages, database, containers, registries, bootId, closing.signal)
    await images.recover()
    await images.sweep()
    await reconcile(stages, context)
    return {
      ...handles(stages, context, database, registries),
      options,
      scopes: new Set(),
      feeders: await openFeeders(context, options.logDrivers),
      stages,
      context,
      database,
      registries,
      closing,
      inUse,
    }
  } catch (error) {
    outbox?.close()
    database?.close()
    closeSync(inUse)
    throw error
  }
}

async function openFeeders(context: ContainerContext, drivers: NormalizedEngineOptions['logDrivers']) {
  if (Object.keys(drivers).length === 0) return undefined
  const { LogFeeders } = await import('./log-feeders.js')
  return new LogFeeders(context, drivers)
}

function handles(stages: Stages, context: ContainerContext, database: Database, registries: LazyRegistries) {
  const forImages = imagesContext(stages, context, registries)
  const list = openContainerList(database, context.containers)
  const pull = (reference: string, options: PullOptions) => pulling(forImages, reference, options)
  const forSnapshots = snapshotsContext(stages, context, registries)
  return {
    images: new Images(forImages),
    containers: new Containers({ context, list, images: stages.images, isWorkspace: stages.workspaces.has }),
    networks: new Networks({ stages, containers: context }),
    volumes: new Volumes({ stages, containers: context }),
    snapshots: new Snapshots(forSnapshots),
    actions: forSnapshots.actions,
    builds: buildActions({ stages: { ...stages, pull }, context, images: forImages }),
    emitter: new Emitter({ stages, closing: context.closing }),
    events: context.eventsOf,
    pull,
  }
}

/** Clones are run as other containers are. */
function snapshotsContext(stages: Stages, context: ContainerContext, registries: LazyRegistries): SnapshotsContext {
  const forImages = imagesContext(stages, context, registries)
  const pull = (reference: string, options: PullOptions) => pulling(forImages, reference, options)
  return { stages, containers: context, actions: runActions({ ...stages, pull }, context) }
}

function imagesContext(stages: Stages, context: ContainerContext, registries: LazyRegistries): ImagesContext {
  return {
    store: stages.images,
    closing: context.closing,
    openRegistries: registries.open,
    settleUsers: (imageId) => settleUsers(context, imageId),
  }
}

function containerContext(
  stages: Stages,
  database: Database,
  containers: ContainerStore,
  registries: LazyRegistries,
  bootId: string,
  closing: AbortSignal,
): ContainerContext {
  const context: ContainerContext = {
    containers,
    events: stages.outbox,
    isToldRunning: openRunning(stages.journal),
    eventsOf: (options) => eventsOf({ stages, closing }, options),
    tell: (record, action, extra) =>
      context.events.record(containerEvent(record, stages.images.labelsOf(record.image), action, extra)),
    tellExecCreated: (record, { id, command }) =>
      context.tell(record, `exec_create: ${execWords(command)}`, { execID: id }),
    onCommit: (listener) => onCommit(database, listener),
    markStopped: (record, signal) => markStopped(stages.networking, context, record, signal),
    reconfigure: (id, options) => reconfigure(stages.networking, context, { id, options, host: stages.host }),
    restoreLimits: (before) => restoreLimits(stages.networking, context, before),
    limits: (record) => containerKnobs(stages, record),
    root: stages.paths.root,
    runRoot: stages.paths.runRoot,
    bootId,
    live: new Map(),
    finishing: new Set(),
    abandoned: new Abandoned({
      runRoot: stages.paths.runRoot,
      store: stages.ephemeral,
      own: stages.owner.id,
      stages: () => stages,
      context: () => context,
      kept: (work) => stages.owner.making(work),
    }),
    unfinished: new Map(),
    lookAgain: (id, record) => lookAgain(context, id, record),
    closing,
    begin: (id) => beginRun(stages, context, id),
    retireEndpoints: ({ id, attempt }) => retireEndpoints(stages.networking, { container: id, attempt }),
    end: (record, outcome, isTold) => endRun(stages, context, record, { outcome, isTold }),
    lose: (record, outcome, phase) => loseRun(stages, context, record, outcome, phase),
    delete: (record) => deleteContainer(stages, context, record),
    releaseVolumes: (id) => stages.volumes.release(id),
    finishFills: (record) => finishFills(stages, record),
    async discardVolumes(record) {
      await discardVolumes(stages, record)
      await stages.images.release(record.image)
    },
    mountpointOf: (point) => stages.volumes.mountpointOf(point),
    releaseNetwork: (id) => releaseRun(stages.networking, context, id),
    rename: (id, name) => renameContainer(stages, context, id, name),
    launch: (record, lock, streams) => launchContainer(stages, context, record, lock, streams),
    launchExec: (record, pid, pidfd, request) => launchExec(stages, context, record, pid, pidfd, request),
    clearExec: (record, exec, state, tell) => clearExec(stages, record, exec, state, tell),
    leaveExec: (record, exec) => leaveExec(stages, record, exec),
    hasLeft: (id, files) => hasLeft(stages, id, files),
    teardown: (id, files) => tearDown(stages, id, files),
    hostname: stages.host.hostname,
    cgroups: (id) => stages.cgroups.of(id),
    inspectImage(record) {
      const image = stages.images.resolve(record.image)
      return { config: image.config, graphDriver: graphDriver(stages, record) }
    },
    isBuilding: (id) => isBuilding(stages, id),
    networking: (id) => containerNetworking(stages.networking, context.containers, id),
    files: (record) => containerFiles(stages, record),
    async mountRoot(id, signal) {
      const { mountContainerRoot } = await import('./container-view.js')
      return mountContainerRoot(stages, context, id, signal)
    },
    async working(signal, body) {
      return await new Operation((_, stop) => body(stop), [closing, signal])
    },
    async copies(record) {
      const { containerCopies } = await import('./container-copies.js')
      return containerCopies(stages, context, record)
    },
    freezer: (id) => stages.cgroups.freezer(id),
    async takeSnapshot(id, options) {
      const { takeSnapshot } = await import('./snapshot-capture.js')
      const record = await takeSnapshot(stages, context, id, options)
      return new Snapshot(snapshotsContext(stages, context, registries), record)
    },
    async commitImage(request) {
      const { id } = await stages.images.commit(request)
      return new Image(imagesContext(stages, context, registries), id)
    },
  }
  return context
}
