import { randomBytes } from 'node:crypto'
import { closeSync } from 'node:fs'
import { attachLive } from '../container/attach.js'
import { Container } from '../container/container.js'
import type { ContainerContext, StartStreams } from '../container/context.js'
import { launching } from '../container/launching.js'
import { randomName } from '../container/names.js'
import type { RunActions, RunRequest } from '../container/run-builder.js'
import { clearHeld, lockRunDirectory } from '../container/run-directory.js'
import { settle } from '../container/settle.js'
import { launch } from '../container/start.js'
import { failpoint } from '../errors/failpoint.js'
import { LaunchError } from '../errors/index.js'
import { reporting } from '../errors/system.js'
import { normalizeOptions } from '../spec/index.js'
import type { ContainerRecord } from '../store/containers.js'
import type { VolumeRecord } from '../store/volumes.js'
import { type TracedCreation, traced } from '../tracing/index.js'
import { containerSpec, markDraft, type Stages } from './assemble.js'
import { prepareBindSources } from './bind-sources.js'
import {
  isPrepared,
  mountPointsOf,
  prepareTaken,
  prepareVolumes,
  undoCreate,
  useMounts,
  volumeRequests,
} from './container-volumes.js'
import { readEnvFiles } from './env-files.js'
import { join, type Membership, membershipOf } from './membership.js'
import { verifyPlatform, withImage } from './missing-image.js'
import { recordOwner } from './ownership.js'
import { clonePoints, keepingSnapshot, recordClone, requestedOptions, withOrigins } from './snapshot-clones.js'
import { coverContainer, uncoverContainer } from './undo-plans.js'
import { ensureHost } from './wiring.js'

/** What the verbs need: the engine's stages, and a way to get images that are not here. */
export interface RunStages extends Stages {
  pull(image: string, options: { platform?: string; signal?: AbortSignal }): PromiseLike<unknown>
}

/** The builder's verbs. */
export function runActions(stages: RunStages, context: ContainerContext): RunActions {
  return {
    create: (request) =>
      reporting(`cannot create a container of ${request.image}`, () => createContainer(stages, context, request)),
    run: (request, streams) =>
      reporting(`cannot run a container of ${request.image}`, () => runContainer(stages, context, request, streams)),
    reuse: (request, key) =>
      reporting(`cannot run a container of ${request.image}`, async () => {
        const { reuseContainer } = await import('./reuse.js')
        return reuseContainer(stages, context, key, request)
      }),
    attach: (live, options) => attachLive(context, live, options),
  }
}

/** What else is recorded of a container, in the transaction that records it. */
export type OnRecorded = (record: ContainerRecord) => void

export function createContainer(
  stages: RunStages,
  context: ContainerContext,
  request: RunRequest,
  onRecorded?: OnRecorded,
): Promise<Container> {
  return traced('inboard:container.create', tracedRequest(request), async (message) => {
    const create = () => recordCreated(stages, context, request, onRecorded)
    const record = await owned(stages, context, request, create)
    nameIn(message, record)
    return new Container(context, record)
  })
}

/** What is ephemeral begins only while its owner stays. What was left of others may have what is asked for. */
async function owned<Result>(
  { owner }: Stages,
  { abandoned }: ContainerContext,
  { options }: RunRequest,
  make: () => Promise<Result>,
): Promise<Result> {
  await abandoned.finish()
  return options.ephemeral ? owner.making(make) : make()
}

/** The keeper knows of it before anything of it is there, and forgets it when nothing came of it. */
async function covered<Result>(
  stages: Stages,
  { containers }: ContainerContext,
  draft: ContainerRecord,
  make: () => Promise<Result>,
): Promise<Result> {
  if (!draft.config.ephemeral) return make()
  coverContainer(stages, draft)
  try {
    return await make()
  } catch (error) {
    if (!containers.get(draft.id)) uncoverContainer(stages, draft)
    throw error
  }
}

const tracedRequest =
  ({ image }: RunRequest) =>
  (): TracedCreation => ({ image })

function nameIn(message: TracedCreation | undefined, { id, name }: ContainerRecord): void {
  if (message) Object.assign(message, { container: id, name })
}

async function recordCreated(
  stages: RunStages,
  context: ContainerContext,
  request: RunRequest,
  onRecorded: OnRecorded | undefined,
): Promise<ContainerRecord> {
  const record = await draftOf(stages, context, request, true)
  const membership = await membershipOf(stages.networking, context, record)
  await prepareTaken(stages, context, record, request.signal)
  return covered(stages, context, record, async () => {
    failpoint('create.insert')
    const { result: inserted, made } = await insert(stages, context, record, membership, {
      request,
      isAttached: false,
      onRecorded,
    })
    await prepare(stages, context, inserted, made, request.signal)
    return inserted
  })
}

/** Makes the volumes of a new container ready. When that fails there is no such container, and nothing that was made for it. */
async function prepare(
  stages: Stages,
  context: ContainerContext,
  record: ContainerRecord,
  made: readonly string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  if (record.isPrepared) return
  try {
    await prepareVolumes(stages, context, record, signal)
  } catch (error) {
    await undoCreate(stages, context, record, made).catch(() => {})
    throw error
  }
}

/**
 * Creates and starts one, in one transaction.
 *
 * @param draft what is to be recorded, made of the request before
 */
export function runContainer(
  stages: RunStages,
  context: ContainerContext,
  request: RunRequest,
  streams: StartStreams,
  onRecorded?: OnRecorded,
  draft?: ContainerRecord,
) {
  const run = () =>
    traced('inboard:container.run', tracedRequest(request), async (message) => {
      const { record, lock } = await traced('inboard:container.create', tracedRequest(request), async (message) => {
        const recorded = await recordStarted(stages, context, request, streams, onRecorded, draft)
        nameIn(message, recorded.record)
        return recorded
      })
      nameIn(message, record)
      try {
        const live = await launching(context, record.id, () => launch(context, record, lock, streams))
        return { container: new Container(context, record), live }
      } finally {
        stages.networking.ahead.delete(record.id)
      }
    })
  return owned(stages, context, request, run)
}

/** Records a container as started, with the lock of its run directory held. */
async function recordStarted(
  stages: RunStages,
  context: ContainerContext,
  request: RunRequest,
  streams: StartStreams,
  onRecorded: OnRecorded | undefined,
  drafted: ContainerRecord | undefined,
): Promise<{ readonly record: ContainerRecord; readonly lock: number }> {
  const draft = drafted ?? (await draftOf(stages, context, request, streams.attached))
  const membership = await membershipOf(stages.networking, context, draft)
  await prepareTaken(stages, context, draft, request.signal)
  const { ahead } = stages.networking
  // While the container is recorded, the kernel is asked.
  const networks = [
    ...(membership.network ? [membership.network] : []),
    ...membership.others.map(({ network }) => network),
  ]
  if (networks.length > 0) ahead.set(draft.id, ensureHost(stages, context, networks, draft.id))
  try {
    const insertion = { request, isAttached: streams.attached, onRecorded }
    return await covered(stages, context, draft, () => insertStarted(stages, context, draft, membership, insertion))
  } catch (error) {
    ahead.delete(draft.id)
    throw error
  }
}

/** What is to be recorded. A volume that only its driver knows is recorded first: which driver has it tells how it is mounted. */
export async function draftOf(
  stages: RunStages,
  context: ContainerContext,
  request: RunRequest,
  attached: boolean,
): Promise<ContainerRecord> {
  const draft = await withImage(stages, request, () => newRecord(stages, context, request, attached))
  const isAdopted = await stages.volumes.adoptKnown(volumeRequests(draft), request.signal)
  return isAdopted ? newRecord(stages, context, request, attached) : draft
}

async function insertStarted(
  stages: RunStages,
  context: ContainerContext,
  draft: ContainerRecord,
  membership: Membership,
  insertion: Insertion,
): Promise<{ readonly record: ContainerRecord; readonly lock: number }> {
  // The lock is held before the record says that it was started: nobody takes it for lost.
  const lock = lockRunDirectory(context.runRoot, draft.id)
  if (lock === undefined)
    throw new LaunchError(`the run directory of ${draft.id} exists already`, { code: 'LAUNCH_FAILED' })
  try {
    failpoint('run.insert')
    const started = { ...draft, phase: 'started', attempt: 1, bootId: context.bootId } as const
    const { result, made } = await insert(stages, context, started, membership, insertion)
    await prepare(stages, context, result, made, insertion.request.signal)
    return { record: { ...result, isPrepared: true }, lock }
  } catch (error) {
    await clearHeld(context, draft.id, false)
      .catch(() => context.lookAgain(draft.id, undefined))
      .finally(() => closeSync(lock))
    throw error
  }
}

/** A record of what is asked for, after everything about it was checked that can be checked before. */
function newRecord(
  stages: Stages,
  context: ContainerContext,
  request: RunRequest,
  attached: boolean,
  id = randomBytes(32).toString('hex'),
): ContainerRecord {
  context.closing.throwIfAborted()
  request.signal?.throwIfAborted()
  const { snapshot } = request
  const image = stages.images.resolve(snapshot?.image ?? request.image)
  if (request.options.platform !== undefined) verifyPlatform(image, request.image, request.options.platform)
  const config = normalizeOptions(request.image, request.command, requestedOptions(request), {
    envFiles: readEnvFiles(request.options.envFile),
    processEnv: process.env,
    logDrivers: stages.logDrivers,
    host: stages.host,
    attached,
  })
  const mounts = mountPointsOf(stages, context, config, image, clonePoints(snapshot, id))
  const record: ContainerRecord = {
    id,
    name: (request.options.name ?? '').replace(/^\//, ''),
    image: image.id,
    reference: request.image,
    createdAtMs: Date.now(),
    phase: 'created',
    attempt: 0,
    bootId: undefined,
    config,
    mounts,
    // Told with its insertion.
    isPrepared: mounts.length === 0,
    outcome: undefined,
    isStopped: false,
  }
  markDraft(record)
  // A user that the image lacks, or no command at all, is an error of creating, not of starting.
  containerSpec(stages, record, image)
  prepareBindSources(mounts)
  return record
}

interface Insertion {
  readonly request: RunRequest
  readonly isAttached: boolean
  readonly onRecorded: OnRecorded | undefined
}

/**
 * Inserts under the given name, or under the first random one that is free, with its places on networks and its volumes.
 *
 * @returns the record, and the names of the volumes that were made with it
 */
async function insert(
  stages: Stages,
  context: ContainerContext,
  record: ContainerRecord,
  membership: Membership,
  { request: { signal, snapshot }, isAttached, onRecorded }: Insertion,
): Promise<{ result: ContainerRecord; made: readonly string[] }> {
  const volumes = withOrigins(stages, snapshot, record, volumeRequests(record))
  // Looked at when it is inserted: from then on they stay.
  const arePrepared = (there: ReadonlyMap<string, VolumeRecord>) =>
    volumes.length === 0 || isPrepared(stages, record.mounts, stages.images.resolve(record.image), there)
  const isNamed = record.name !== ''
  for (let attempt = 0; ; attempt++) {
    const named = isNamed ? record : { ...record, name: randomName(attempt) }
    try {
      const body = (there: ReadonlyMap<string, VolumeRecord>) => {
        const inserted = { ...named, isPrepared: arePrepared(there) }
        context.containers.insert(inserted)
        context.tell(inserted, 'create')
        if (isAttached) context.tell(inserted, 'attach')
        join(stages.networking, inserted, membership)
        useMounts(stages, inserted)
        recordClone(stages, snapshot, inserted.id)
        recordOwner(stages, context, inserted, there)
        onRecorded?.(inserted)
        return inserted
      }
      const having = () => stages.volumes.having(volumes, body, signal)
      return await keepingSnapshot(stages, snapshot, volumes, having, signal)
    } catch (error) {
      if (!isNameInUse(error) || attempt > 8 || (isNamed && !(await isFreed(context, named.name)))) throw error
    }
  }
}

const isNameInUse = (error: unknown) => (error as { code?: string }).code === 'NAME_IN_USE'

/** The end of the container that has the name may not have been recorded yet: if it was an rm container, it is no more. */
async function isFreed(context: ContainerContext, name: string): Promise<boolean> {
  const holder = context.containers.getByName(name)
  if (holder) await settle(context, holder)
  return !context.containers.getByName(name)
}
