import { mergeHealthcheck } from '../spec/health.js'
import type { ImageRunConfig } from '../spec/options.js'
import type { ContainerRecord } from '../store/containers.js'
import type { InspectImage } from './context.js'

/** What of a container's configuration becomes its image's, as `docker commit` has it: builds of its image are over. */
export function committedConfig({ config }: ContainerRecord, { config: image }: InspectImage): ImageRunConfig {
  const own = new Set(config.env.map(nameOf))
  const entrypoint = config.entrypoint ?? image.Entrypoint
  const command = config.command.length > 0 ? config.command : config.entrypoint ? [] : (image.Cmd ?? [])
  const user = config.user || image.User
  const directory = config.workdir || image.WorkingDir
  const stopSignal = config.stopSignal ?? image.StopSignal
  const stopTimeout = config.stopTimeout ?? image.StopTimeout
  const healthcheck = mergeHealthcheck(config.healthcheck, image.Healthcheck)
  return {
    ...(user && { User: user }),
    ...(image.ExposedPorts && { ExposedPorts: image.ExposedPorts }),
    Env: [...config.env, ...(image.Env ?? []).filter((variable) => !own.has(nameOf(variable)))],
    ...(entrypoint && { Entrypoint: entrypoint }),
    ...(command.length > 0 && { Cmd: command }),
    ...(image.Volumes && { Volumes: image.Volumes }),
    ...(directory && { WorkingDir: directory }),
    Labels: { ...image.Labels, ...config.labels },
    ...(stopSignal !== undefined && { StopSignal: String(stopSignal) }),
    ...(stopTimeout !== undefined && { StopTimeout: stopTimeout }),
    ...(healthcheck && { Healthcheck: healthcheck }),
  }
}

/** As Docker fills up what it is given: lists and maps get what they lack, a command goes with its entrypoint. */
export function filledUp(given: ImageRunConfig, has: ImageRunConfig): ImageRunConfig {
  const own = new Set((given.Env ?? []).map(nameOf))
  const { Entrypoint: _, Cmd: __, ...rest } = { ...has, ...said(given) }
  const maps = ['Labels', 'ExposedPorts', 'Volumes', 'Healthcheck'] as const
  return {
    ...rest,
    ...commandOf(given, has),
    Env: [...(given.Env ?? []), ...(has.Env ?? []).filter((variable) => !own.has(nameOf(variable)))],
    ...Object.fromEntries(
      maps.flatMap((name) => (given[name] ? [[name, { ...has[name], ...said(given[name]) }]] : [])),
    ),
  }
}

function commandOf(given: ImageRunConfig, has: ImageRunConfig): Pick<ImageRunConfig, 'Entrypoint' | 'Cmd'> {
  const isNew = (given.Entrypoint?.length ?? 0) > 0
  const entrypoint = given.Entrypoint ?? has.Entrypoint
  const command = given.Cmd?.length ? given.Cmd : isNew ? undefined : has.Cmd
  return { ...(entrypoint?.length && { Entrypoint: entrypoint }), ...(command?.length && { Cmd: command }) }
}

/** Without what is nothing said: null, '', 0, no words. */
function said<Fields extends object>(fields: Fields): Fields {
  const isSaid = (value: unknown) => (Array.isArray(value) ? value.length > 0 : Boolean(value))
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => isSaid(value))) as Fields
}

const nameOf = (variable: string) => variable.split('=', 1)[0]
