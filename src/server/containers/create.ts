import type { Engine } from '../../engine/engine.js'
import { NotFoundError } from '../../errors/index.js'
import type { Exchange } from '../exchange.js'
import { ApiError } from '../failures.js'
import { type CreateDocument, createDocument } from './create-document.js'
import { runOptions } from './create-options.js'
import { unlessEmpty } from './schemas.js'

/** `POST /containers/create`: an image that is not here is not pulled, clients do that. */
export async function createContainer(exchange: Exchange): Promise<void> {
  const document = await exchange.body(createDocument)
  const image = document.Image ?? ''
  if (image === '') throw new ApiError(400, 'no image specified: the field Image names one')
  const name = exchange.query.text('name')
  const platform = exchange.query.text('platform')
  const container = await exchange.engine
    .run(image, await commandOf(exchange.engine, image, document), {
      ...runOptions(document, exchange.minor),
      ...(name !== undefined && { name }),
      ...(platform !== undefined && { platform }),
      pull: 'never',
    })
    .create()
    .catch((error: unknown) => {
      throw isMissingImage(error) ? error : asRefusal(error)
    })
  exchange.json(201, { Id: container.id, Warnings: warningsOf(document) })
}

/** As under Docker no words as entrypoint take the image's away, and leave its command. */
async function commandOf(
  engine: Engine,
  image: string,
  { Entrypoint, Cmd }: CreateDocument,
): Promise<readonly string[] | undefined> {
  if (Entrypoint?.length !== 0 || (Cmd?.length ?? 0) > 0) return Cmd
  const { Config } = await (await engine.images.get(image)).inspect()
  return Config?.Cmd ?? undefined
}

const isMissingImage = (error: unknown) => (error as { code?: unknown }).code === 'IMAGE_NOT_FOUND'

/** Clients take a 404 for a missing image, and pull that: of whatever else is missing, the request was wrong. */
function asRefusal(error: unknown): unknown {
  return error instanceof NotFoundError ? new ApiError(400, error.message) : error
}

/** What is done in another way than it was asked for. */
function warningsOf({ HostConfig: host = {} }: CreateDocument): string[] {
  const isOnHost = unlessEmpty(host.NetworkMode) === 'host'
  return [
    ...(isOnHost && Object.keys(host.PortBindings ?? {}).length > 0
      ? ['Published ports are discarded when using host network mode']
      : []),
    ...(host.OomKillDisable && !host.Memory
      ? [
          'OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.',
        ]
      : []),
    ...(host.KernelMemory ? ['Kernel memory is not limited: current kernels cannot.'] : []),
  ]
}
