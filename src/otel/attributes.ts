import type { Attributes } from '@opentelemetry/api'
import type {
  TracedContainer,
  TracedCreation,
  TracedDownload,
  TracedExec,
  TracedRequest,
  TraceMessages,
  TraceName,
} from '../tracing/index.js'

type AttributesOf = { readonly [Name in TraceName]: (message: TraceMessages[Name]) => Attributes }

const created = ({ image, container, name }: TracedCreation): Attributes => ({
  'container.image.name': image,
  'container.id': container,
  'container.name': name,
})

const withContainer = (message: TracedContainer): Attributes => created(message)

const requested = ({ reference, digest }: TracedRequest): Attributes => ({
  'container.image.name': reference,
  'oci.manifest.digest': digest,
})

const downloaded = ({ digest, sizeBytes, repository }: TracedDownload): Attributes => ({
  'inboard.repository': repository,
  'inboard.blob.digest': digest,
  'inboard.blob.size': sizeBytes,
})

// The program alone: arguments may hold secrets.
const executed = ({ container, command: [program], exec, pid, exitCode }: TracedExec): Attributes => ({
  'container.id': container,
  'inboard.exec.id': exec,
  'process.command': program,
  'process.pid': pid,
  'process.exit.code': exitCode,
})

const attributes: AttributesOf = {
  'inboard:image.pull': ({ reference, platform, allTags, images }) => ({
    'container.image.name': reference,
    'container.image.id': images?.length === 1 ? images[0] : undefined,
    'inboard.image.platform': platform,
    'inboard.image.all_tags': allTags,
  }),
  'inboard:image.pull.resolve': requested,
  'inboard:image.pull.manifest': requested,
  'inboard:image.pull.config': downloaded,
  'inboard:layer.download': downloaded,
  'inboard:layer.extract': ({ layer, diffId, sizeBytes }) => ({
    'inboard.layer': layer,
    'inboard.layer.diff_id': diffId,
    'inboard.layer.size': sizeBytes,
  }),
  'inboard:image.build': ({ tags, images }) => ({
    'container.image.tags': [...tags],
    'container.image.id': images?.length === 1 ? images[0] : undefined,
  }),
  'inboard:image.build.step': ({ step, isCached }) => ({
    'inboard.build.step': step,
    'inboard.build.cached': isCached,
  }),
  'inboard:container.run': created,
  'inboard:container.create': created,
  'inboard:container.start': (message) => ({ ...withContainer(message), 'process.pid': message.pid }),
  'inboard:container.start.network': withContainer,
  'inboard:container.start.plan': withContainer,
  'inboard:container.start.spawn': withContainer,
  'inboard:container.exec': executed,
  'inboard:container.exec.start': executed,
  'inboard:container.stop': (message) => ({ ...withContainer(message), 'inboard.stop.killed': message.isKilled }),
  'inboard:container.snapshot': (message) => ({ ...withContainer(message), 'inboard.snapshot.id': message.snapshot }),
  'inboard:container.remove': ({ container, force, volumes }) => ({
    'container.id': container,
    'inboard.remove.force': force,
    'inboard.remove.volumes': volumes,
  }),
  'inboard:network.create': ({ name, network }) => ({ 'inboard.network.name': name, 'inboard.network.id': network }),
  'inboard:network.remove': ({ network }) => ({ 'inboard.network.id': network }),
}

/** What a message says so far. @see https://opentelemetry.io/docs/specs/semconv/registry/attributes/container/ */
export function attributesOf<Name extends TraceName>(name: Name, message: TraceMessages[Name]): Attributes {
  const all = Object.entries(attributes[name](message))
  return Object.fromEntries([['container.runtime.name', 'inboard'], ...all.filter(([, value]) => value !== undefined)])
}

/** @see https://opentelemetry.io/docs/specs/semconv/registry/attributes/error/ */
export function attributesOfError(error: unknown): Attributes {
  const { code, name } = error as { readonly code?: unknown; readonly name?: unknown }
  return { 'error.type': String(typeof code === 'string' ? code : (name ?? typeof error)) }
}
