import type { ImageContent } from '../image/index.js'
import type { ProbePlan } from '../launch/probe-plan.js'
import { execProcess, healthSchedule, type ProcessInput } from '../spec/index.js'
import type { ContainerRecord } from '../store/containers.js'
import type { Stages } from './assemble.js'

/** The command of a container's health check, as Docker tells of it; undefined: nothing checks it. */
export function probeWords({ images }: Pick<Stages, 'images'>, { image, config }: ContainerRecord): string | undefined {
  const [program, ...words] = healthSchedule(config, images.resolve(image).config)?.command ?? []
  // The space is Docker's, also before nothing.
  return program === undefined ? undefined : `${program} ${words.join(' ')}`
}

/** What checks a container's health: an exec of its own user, in its own directory; undefined: nothing does. */
export function probeOf(
  { host }: Pick<Stages, 'host'>,
  { id, config }: ContainerRecord,
  image: ImageContent,
  ofStart: () => Pick<ProcessInput, 'user' | 'linkEnv' | 'shared'>,
): ProbePlan | undefined {
  const schedule = healthSchedule(config, image.config)
  if (!schedule) return undefined
  const exec = { command: schedule.command, env: [], workdir: '', tty: false, privileged: false }
  return { schedule, process: execProcess({ id, config, image: image.config, host, exec, ...ofStart() }) }
}
