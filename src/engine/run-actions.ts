import { randomBytes } from 'node:crypto'
import { closeSync, readFileSync } from 'node:fs'
import { Container } from '../container/container.js'
import type { ContainerContext } from '../container/context.js'
import { randomName } from '../container/names.js'
import type { RunActions, RunRequest } from '../container/run-builder.js'
import { clearHeld, lockRunDirectory } from '../container/run-directory.js'
import { launch } from '../container/start.js'
import { failpoint } from '../errors/failpoint.js'
import { InvalidOptionError, LaunchError } from '../errors/index.js'
import { normalizeOptions } from '../spec/index.js'
import type { ContainerRecord } from '../store/containers.js'
import { containerSpec, type Stages } from './assemble.js'
import { prepareBindSources } from './bind-sources.js'

/** The builder's verbs. */
export function runActions(stages: Stages, context: ContainerContext): RunActions {
  return {
    async create(request) {
      const record = newRecord(stages, context, request)
      failpoint('create.insert')
      return new Container(context, insert(context, record))
    },
    async run(request, streams) {
      const id = randomBytes(32).toString('hex')
      const draft = newRecord(stages, context, request, id)
      // The lock is held before the record says that it was started: nobody takes it for lost.
      const lock = lockRunDirectory(context.runRoot, id)
      if (lock === undefined)
        throw new LaunchError(`the run directory of ${id} exists already`, { code: 'LAUNCH_FAILED' })
      let record: ContainerRecord
      try {
        failpoint('run.insert')
        record = insert(context, { ...draft, phase: 'started', attempt: 1, bootId: context.bootId })
      } catch (error) {
        await clearHeld(context, id, false).finally(() => closeSync(lock))
        throw error
      }
      const live = await launch(context, record, lock, streams)
      return { container: new Container(context, record), live }
    },
  }
}

/** A record of what is asked for, after everything about it was checked that can be checked before. */
function newRecord(
  stages: Stages,
  context: ContainerContext,
  request: RunRequest,
  id = randomBytes(32).toString('hex'),
): ContainerRecord {
  context.closing.throwIfAborted()
  request.signal?.throwIfAborted()
  const image = stages.images.resolve(request.image)
  const config = normalizeOptions(request.image, request.command, request.options, {
    envFiles: readEnvFiles(request.options.envFile),
    processEnv: process.env,
    host: stages.host,
  })
  const record: ContainerRecord = {
    id,
    name: request.options.name ?? '',
    image: image.id,
    reference: request.image,
    createdAtMs: Date.now(),
    phase: 'created',
    attempt: 0,
    bootId: undefined,
    config,
    outcome: undefined,
  }
  // A user that the image lacks, or no command at all, is an error of creating, not of starting.
  containerSpec(stages, record, image)
  prepareBindSources(config)
  return record
}

/** Inserts under the given name, or under the first random one that is free. */
function insert(context: ContainerContext, record: ContainerRecord): ContainerRecord {
  if (record.name !== '') {
    context.containers.insert(record)
    return record
  }
  for (let attempt = 0; ; attempt++) {
    const named = { ...record, name: randomName(attempt) }
    try {
      context.containers.insert(named)
      return named
    } catch (error) {
      if ((error as { code?: string }).code !== 'NAME_IN_USE' || attempt > 8) throw error
    }
  }
}

function readEnvFiles(files: string | readonly string[] | undefined): ReadonlyMap<string, string> {
  const contents = new Map<string, string>()
  for (const file of files === undefined ? [] : [files].flat()) {
    try {
      contents.set(file, readFileSync(file, 'utf8'))
    } catch (cause) {
      throw new InvalidOptionError(`open ${file}: ${(cause as Error).message}: the env file cannot be read`, {
        code: 'INVALID_OPTION',
        cause,
        details: { option: 'envFile', path: file },
      })
    }
  }
  return contents
}
