import { existsSync } from 'node:fs'
import { isForwarded, type StartStreams } from '../container/context.js'
import type { Journal } from '../events/journal.js'
import type { Outbox } from '../events/outbox.js'
import { readTextFile } from '../host/index.js'
import type { ImageContent, ImageStore } from '../image/index.js'
import { cgroupDirectories, compileCgroups, type Hierarchy, type Knob } from '../launch/cgroups.js'
import type { ContainerPaths, ManagedFile, RunPlanInput } from '../launch/run-plan.js'
import type { SnapshotDriver } from '../snapshot/index.js'
import {
  compileSeccomp,
  createSpec,
  defaultDeviceRules,
  type HostFacts,
  type HostLimits,
  type ResolvedUser,
  resolveUser,
  type SpecInput,
  seccompOf,
} from '../spec/index.js'
import type { ContainerConfig } from '../spec/options.js'
import type { Resources, Spec } from '../spec/types.js'
import type { BuildCacheStore } from '../store/build-caches.js'
import type { ContainerSnapshotStore } from '../store/container-snapshots.js'
import type { ContainerRecord } from '../store/containers.js'
import type { EphemeralStore } from '../store/ephemeral.js'
import type { ReuseStore } from '../store/reuses.js'
import type { WorkspaceStore } from '../store/workspaces.js'
import type { VolumeKeeper } from '../volume/keeper.js'
import type { CgroupParents } from './cgroup-parents.js'
import { linkVariables } from './container-links.js'
import { containerLog } from './container-log.js'
import { mountSources } from './container-volumes.js'
import { blockDevices, hostDevices } from './host-devices.js'
import { linkedHost } from './linking-hosts.js'
import type { LogDriver } from './log-drivers.js'
import { managedFiles, managedPaths } from './managed-files.js'
import { leftoversFile } from './network-leftovers.js'
import { gatewaysOf, hasNames, type Networking } from './networking.js'
import type { Owner } from './owner.js'
import type { Paths } from './paths.js'
import { probeOf } from './probe.js'
import { journalPlan } from './run-events.js'
import type { SharedNamespaces } from './shared-namespaces.js'
import type { Wiring } from './wiring.js'

/** The stages that a start goes through. */
export interface Stages {
  readonly paths: Paths
  readonly images: ImageStore
  readonly snapshots: SnapshotDriver
  readonly cgroups: CgroupParents
  readonly host: HostFacts & HostLimits
  readonly networking: Networking
  readonly volumes: VolumeKeeper
  readonly logDrivers: Readonly<Record<string, LogDriver>>
  /** What has happened, and what it is told through. */
  readonly journal: Journal
  readonly outbox: Outbox
  /** Containers that are steps of builds. */
  readonly workspaces: WorkspaceStore
  /** Containers that are found by a key. */
  readonly reuses: ReuseStore
  /** Directories that are kept from build to build. */
  readonly buildCaches: BuildCacheStore
  /** Snapshots of containers. */
  readonly containerSnapshots: ContainerSnapshotStore
  /** What ends with the process that has made it, and what of that is this engine's. */
  readonly ephemeral: EphemeralStore
  readonly owner: Owner
}

/** Takes a container's record through all stages, up to what is compiled into a plan. No system call that could wait. */
export function assemble(
  stages: Stages,
  record: ContainerRecord,
  streams: StartStreams,
  wiring: Wiring,
  shared: SharedNamespaces,
  mounted: ReadonlyMap<string, string>,
): RunPlanInput {
  const { id, config } = record
  const image = stages.images.resolve(record.image)
  const spec = startSpec(stages, record, image, wiring, mounted)
  const { cgroups, hierarchies, paths } = assemblePlaces(stages, record, spec)
  const isWorkspace = stages.workspaces.has(id)
  return {
    id,
    spec,
    rootfs: stages.snapshots.rootfs(image.chain, paths.directory, { volatile: config.rm || isWorkspace }),
    paths,
    files: runFiles(stages, record, spec, wiring),
    cgroups,
    hierarchies,
    seccomp: spec.linux.seccomp ? compileSeccomp(spec.linux.seccomp, stages.host.arch) : undefined,
    network: wiring.plan,
    images: imageRoots(stages, record),
    slots: wiring.slots.length + shared.slots.length,
    shared: { pid: slotBehind(wiring, shared.pid), ipc: slotBehind(wiring, shared.ipc) },
    stdio: {
      tty: config.tty,
      stdin: config.interactive,
      attached: isForwarded(streams, config),
      stdinOnce: config.interactive && (config.stdinOnce ?? config.attached),
      rows: streams.rows,
      columns: streams.columns,
    },
    restartPolicy: config.restartPolicy,
    log: containerLog(record, image, paths.directory),
    probe: probeOf(stages, record, image, () => ({
      user: containerUser(stages, record, image),
      ...linksOf(stages, record, wiring),
    })),
    journal: journalPlan(stages, record, wiring.networks),
    secrets: streams.secrets,
    remove: config.rm,
    // Ephemeral containers of other owners outlive this process.
    isBound: isWorkspace || (config.ephemeral === true && stages.owner.has({ kind: 'container', id })),
    hasBackpressure: isWorkspace,
    isCovered: config.ephemeral === true,
  }
}

const slotBehind = ({ slots }: Wiring, index: number | undefined) =>
  index === undefined ? undefined : slots.length + index

/** What is written to the cgroups of a container. */
export function containerKnobs(stages: Stages, record: ContainerRecord): readonly Knob[] {
  const spec = containerSpec(stages, record, stages.images.resolve(record.image))
  return assemblePlaces(stages, record, spec).cgroups.knobs
}

/** What an exec has in common with the container's first process; without all that is only for a start. */
export function assembleExec(stages: Stages, { id, config }: ContainerRecord) {
  const directories = cgroupDirectories(hierarchiesOf(stages, config), id)
  return { directories, seccomp: seccompFilter(stages, config) }
}

const filters = new Map<string, Uint8Array | undefined>()
const rememberedFilters = 64

/** The filter of a container's processes; remembered, as there are few different ones. */
function seccompFilter({ host }: Stages, config: ContainerConfig): Uint8Array | undefined {
  const { privileged, capAdd, capDrop, security } = config
  const key = JSON.stringify([privileged, capAdd, capDrop, security.seccomp])
  if (!filters.has(key)) {
    const seccomp = seccompOf(config, host)
    if (filters.size >= rememberedFilters) filters.clear()
    filters.set(key, seccomp && compileSeccomp(seccomp, host.arch))
  }
  return filters.get(key)
}

/** Where a container's things are, on disk and in the cgroup hierarchies. */
function assemblePlaces(stages: Stages, record: ContainerRecord, spec: Spec) {
  const { id, config } = record
  const hierarchies = hierarchiesOf(stages, config)
  const directory = `${stages.paths.containers}/${id}`
  const paths: ContainerPaths = { directory, run: `${stages.paths.runRoot}/${id}` }
  const cgroups = spec
    ? compileCgroups(hierarchies, id, resourcesIn(hierarchies, config, spec), defaultDeviceRules)
    : { directories: cgroupDirectories(hierarchies, id), knobs: [] }
  return { paths, cgroups, hierarchies }
}

/** Below a cgroup of the user's, nothing is inherited that a container needs. */
function resourcesIn(hierarchies: readonly Hierarchy[], config: ContainerConfig, { linux }: Spec): Resources {
  const { resources } = linux
  if (config.cgroupParent === '') return resources
  const cpuset = hierarchies.find(({ version, controllers }) => version === 1 && controllers.includes('cpuset'))
  const inherited = (file: string) => readTextFile(`${cpuset?.parent}/cpuset.effective_${file}`)?.trim() ?? ''
  const set = cpuset && {
    cpus: resources.cpu?.cpus ?? inherited('cpus'),
    mems: resources.cpu?.mems ?? inherited('mems'),
  }
  return { ...resources, devices: resources.devices ?? defaultDeviceRules, cpu: { ...resources.cpu, ...set } }
}

/** The engine's own, or those below the cgroup that was asked for. */
function hierarchiesOf({ cgroups }: Stages, config: ContainerConfig) {
  if (config.cgroupParent !== '') return cgroups.below(config.cgroupParent)
  const bringsDevices = config.privileged || config.devices.length > 0 || config.deviceCgroupRules.length > 0
  return cgroups.hierarchies(bringsDevices ? 'custom' : 'default')
}

/** The files of the images that are mounted in a container. */
export function imageRoots({ images, snapshots }: Stages, { mounts }: ContainerRecord): RunPlanInput['images'] {
  const mounted = mounts.flatMap((point) => (point.type === 'image' ? [point.image] : []))
  return new Map(mounted.map((id) => [id, snapshots.imageRoot(images.resolve(id).chain)]))
}

/** The spec of a start: with links, a shared network or mounted volumes, its own each time. */
function startSpec(
  stages: Stages,
  record: ContainerRecord,
  image: ImageContent,
  wiring: Wiring,
  mounted: ReadonlyMap<string, string>,
): Spec {
  const { links, shared } = wiring
  if (links.length === 0 && !shared && mounted.size === 0) return containerSpec(stages, record, image)
  return makeSpec(stages, record, image, {
    sources: mountSources(stages, mounted),
    ...linksOf(stages, record, wiring),
    ...(shared && { files: managedPaths(`${stages.paths.runRoot}/${shared.id}`) }),
  })
}

/** What its processes are told of other containers: of those that it has links to, and of the one whose network it shares. */
function linksOf(stages: Stages, record: ContainerRecord, { links, shared }: Wiring) {
  return {
    linkEnv: linkVariables(stages, record, links),
    ...(shared && {
      shared: { hostname: shared.config.hostname || shared.id.slice(0, 12), domainname: shared.config.domainname },
    }),
  }
}

/** Files of a run: those that are bound over the image's, and what tells what is to be undone. */
function runFiles({ paths, networking }: Stages, record: ContainerRecord, spec: Spec, wiring: Wiring): ManagedFile[] {
  const directory = `${paths.runRoot}/${record.id}`
  const { places, leftovers, shared, hostFiles } = wiring
  if (shared) return []
  const files = managedFiles(
    {
      config: record.config,
      hostname: spec.hostname,
      addresses: places.flatMap(({ endpoint: { active } }) =>
        [active.ipv4, active.ipv6].filter((one) => one !== undefined),
      ),
      links: wiring.links.map(linkedHost),
      hasNames: places.some(({ network }) => hasNames(network)),
      gateway: gatewaysOf(networking),
      host: hostFiles,
    },
    managedPaths(directory),
  )
  return leftovers ? [...files, leftoversFile(directory, leftovers)] : files
}

const specs = new WeakMap<ContainerConfig, Spec>()

/** A container's spec; made once for a record in memory, until its own files may tell otherwise. */
export function containerSpec(stages: Stages, record: ContainerRecord, image: ImageContent): Spec {
  if (hasOwnFiles(stages, record)) return makeSpec(stages, record, image)
  let spec = specs.get(record.config)
  if (!spec) {
    spec = makeSpec(stages, record, image)
    specs.set(record.config, spec)
  }
  return spec
}

function makeSpec(
  stages: Stages,
  record: ContainerRecord,
  image: ImageContent,
  ofStart: Pick<SpecInput, 'linkEnv' | 'shared'> & Partial<Pick<SpecInput, 'files' | 'sources'>> = {},
): Spec {
  const { id, config } = record
  return createSpec({
    files: managedPaths(`${stages.paths.runRoot}/${id}`),
    sources: mountSources(stages),
    ...ofStart,
    id,
    config,
    mounts: record.mounts,
    image: image.config,
    user: containerUser(stages, record, image),
    host: stages.host,
    devices: hostDevices(config),
    blockDevices: blockDevices(config),
  })
}

/** The user that the container runs as, from the files of its image, or its own once it has some. */
export function containerUser(stages: Stages, record: ContainerRecord, image: ImageContent): ResolvedUser {
  const { config } = record
  const read = (path: string) =>
    stages.snapshots.readFile(
      image.chain,
      hasOwnFiles(stages, record) ? `${stages.paths.containers}/${record.id}` : undefined,
      path,
    )
  return resolveUser(config.user || image.config.User || '', read('/etc/passwd'), read('/etc/group'), config.groupAdd)
}

const drafts = new WeakSet<ContainerRecord>()

/** Says of a record that it is not in the store yet: nobody else knows of such a container. */
export function markDraft(record: ContainerRecord): void {
  drafts.add(record)
}

/** Whether it has run, or something was copied into it before. */
function hasOwnFiles({ paths }: Stages, record: ContainerRecord): boolean {
  if (drafts.has(record)) return false
  return record.attempt > 1 || existsSync(`${paths.containers}/${record.id}/rootfs`)
}
