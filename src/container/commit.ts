import type { Image } from '../engine/image.js'
import { failpoint } from '../errors/failpoint.js'
import type { PackResult } from '../snapshot/index.js'
import type { ImageRunConfig } from '../spec/options.js'
import type { ContainerRecord } from '../store/containers.js'
import { committedConfig, filledUp } from './committed-config.js'
import type { ContainerContext } from './context.js'
import { whileThere } from './files.js'
import { freezeRunning } from './freeze-running.js'
import { presentFor } from './present.js'

/** Options of {@link Container.commit}. */
export interface CommitOptions {
  /** Who made it: `Name <mail>`. */
  readonly author?: string
  /** A comment for the image's history. */
  readonly message?: string
  /** Dockerfile instructions for its configuration, such as `CMD ["redis-server"]`; `docker commit --change`. */
  readonly changes?: readonly string[]
  /** The image's configuration before the changes: it is filled up with the container's. */
  readonly config?: ImageRunConfig
  /** A running container stands still while its files are read. Default true. */
  readonly pause?: boolean
  /** Stops the work; nothing of it is left. */
  readonly signal?: AbortSignal
}

/** Makes an image of a container's image, its changes as a layer on top, and its configuration. */
export async function commit(
  context: ContainerContext,
  record: ContainerRecord,
  reference: string | undefined,
  { author, message, changes, config: given = {}, pause = true, signal }: CommitOptions,
): Promise<Image> {
  await presentFor(context, record.id, 'commit', signal)
  const config = filledUp(given, committedConfig(record, context.inspectImage(record)))
  return context.commitImage({
    parent: record.image,
    reference,
    author,
    message,
    changes,
    config,
    createdBy: (config.Cmd ?? []).join(' '),
    recorded: ({ id, references: [imageRef = ''] }) =>
      context.tell(record, 'commit', { comment: message ?? '', imageID: id, imageRef }),
    pack: (file) => packStill(context, record, file, pause, signal),
    signal,
  })
}

/** Packs what has changed, of a container that does not move meanwhile. */
function packStill(
  context: ContainerContext,
  record: ContainerRecord,
  file: string,
  pause: boolean,
  signal: AbortSignal | undefined,
): Promise<PackResult> {
  return whileThere(context, record, async () => {
    await using _ = pause ? await freezeRunning(context, record.id, signal) : undefined
    failpoint('commit.pack')
    return await context.files(record).packChanges(file, { signal })
  })
}
