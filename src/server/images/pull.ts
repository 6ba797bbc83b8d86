import { AuthError } from '../../errors/index.js'
import type { ImageProgress } from '../../image/index.js'
import type { Exchange } from '../exchange.js'
import { ApiError } from '../failures.js'
import { FetchedLayers } from './layer-lines.js'
import { isWhole, tagOf, withoutTag, withTag } from './names.js'
import { registryAuthOf } from './registry-auth.js'

/** `POST /images/create?fromImage=`: pulls one image, or, where nothing says which, all of a repository. */
export async function pullImage(exchange: Exchange): Promise<void> {
  const { engine, query, signal } = exchange
  const name = withTag(query.required('fromImage').replace(/:$/, ''), query.text('tag'))
  const platform = query.text('platform')
  const options = { auth: registryAuthOf(exchange), signal, ...(platform !== undefined && { platform }) }
  const pull = isWhole(name) ? engine.pull(name, options) : engine.pull(name, { ...options, allTags: true })
  const lines = exchange.lines()
  const documents = new PullDocuments(isWhole(name))
  try {
    for await (const progress of pull) for (const document of documents.of(progress)) await lines.write(document)
  } catch (error) {
    throw asDocker(error)
  }
  for (const document of documents.end()) await lines.write(document)
  lines.end()
}

/** To Docker, an image that one may not have is an image that is not there. */
function asDocker(error: unknown): unknown {
  return error instanceof AuthError && error.code !== 'CREDENTIALS_FAILED' ? new ApiError(404, error.message) : error
}

/** A pull's progress as Docker's documents. */
export class PullDocuments {
  readonly #layers = new FetchedLayers()
  readonly #isSingle: boolean
  #name = ''
  #isNew = false

  /** @param isSingle one name is pulled, and shown with its tag */
  constructor(isSingle = true) {
    this.#isSingle = isSingle
  }

  of(progress: ImageProgress): readonly object[] {
    switch (progress.kind) {
      case 'manifest':
        return [{ status: `Pulling from ${progress.repository}`, id: tagOf(progress.reference) }]
      case 'layer':
        return this.#layers.lines(progress)
      case 'image':
        this.#name = this.#isSingle ? progress.reference : withoutTag(progress.reference)
        this.#isNew ||= progress.isNew
        return [{ status: `Digest: ${progress.digest}` }]
      case 'warning':
        return [{ status: `WARNING: ${progress.message}` }]
      default:
        return []
    }
  }

  /** What is said when all of it is here. */
  end(): readonly object[] {
    const what = this.#isNew ? 'Downloaded newer image' : 'Image is up to date'
    return [{ status: `Status: ${what} for ${this.#name}` }]
  }
}
