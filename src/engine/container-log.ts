import type { ImageContent } from '../image/index.js'
import type { RunLog } from '../launch/log-plan.js'
import { logPath, logStorage } from '../spec/log.js'
import { attributesMember, logAttributes } from '../spec/log-tag.js'
import type { ContainerRecord } from '../store/containers.js'

/** How a container's output is kept; undefined: it is not. */
export function containerLog(record: ContainerRecord, image: ImageContent, directory: string): RunLog | undefined {
  const { id, name, config } = record
  const storage = logStorage(config.log)
  if (!storage) return undefined
  const attributes = logAttributes(config.log, {
    id,
    name,
    imageId: record.image,
    imageName: record.reference,
    labels: { ...image.config.Labels, ...config.labels },
    env: mergedEnv([...(image.config.Env ?? []), ...config.env]),
    command: [...(config.entrypoint ?? image.config.Entrypoint ?? []), ...commandOf(record, image)],
  })
  return { path: logPath(directory, id, storage), ...storage, attributes: attributesMember(attributes) }
}

const commandOf = ({ config }: ContainerRecord, image: ImageContent) =>
  config.command.length > 0 ? config.command : config.entrypoint ? [] : (image.config.Cmd ?? [])

/** Of several values of a variable the last one counts. */
function mergedEnv(env: readonly string[]): string[] {
  return [...new Map(env.map((variable) => [variable.split('=', 1)[0], variable])).values()]
}
