import { ConflictError } from '../errors/index.js'
import { parseReference, type Reference, withDefaultTag, withoutTag } from '../reference/reference.js'
import type { ContainerUse, ImageRecords } from '../store/images.js'
import { isIdPrefix } from './catalogue.js'
import type { TellImage } from './events.js'
import type { ImageContent, RemovedItem } from './types.js'

/** Options of {@link Images.remove}. */
export interface RemoveImageOptions {
  /** Also with several names, or with containers that do not run. Default false. */
  readonly force?: boolean
  /** Keep the images it was committed from, even when nothing else needs them. Default false. */
  readonly noPrune?: boolean
}

/** What a removal needs of the catalogue: an image by its full ID, as it is now. */
type ReadImage = (id: string) => ImageContent

/**
 * Removes a name of an image, and the image with its last name, by Docker's rules: a name goes alone while the image has
 * others, while containers use it, and while other images were committed from it; an ID takes the image's only name along,
 * and several by force; what a running container uses, or other images were committed from, stays even then.
 *
 * With an image go those it was committed from that have no name, no other images and no containers. An image that was
 * removed by force while stopped containers use it is no more, but its layers stay as long as they do.
 *
 * @throws {ConflictError} `IMAGE_IN_USE`, `IMAGE_HAS_CHILDREN`, with Docker's message
 */
export function removeImage(
  records: ImageRecords,
  image: ImageContent,
  nameOrId: string,
  options: RemovalOptions,
): RemovedItem[] {
  const removal = new Removal(records, image, options)
  return isIdPrefix(image.id, nameOrId) ? removal.byId() : removal.byName(parseReference(nameOrId))
}

interface RemovalOptions extends RemoveImageOptions {
  readonly read: ReadImage
  readonly tell: TellImage
}

class Removal {
  readonly #records: ImageRecords
  readonly #image: ImageContent
  readonly #force: boolean
  readonly #noPrune: boolean
  readonly #read: ReadImage
  readonly #tell: TellImage
  readonly #items: RemovedItem[] = []

  constructor(records: ImageRecords, image: ImageContent, options: RemovalOptions) {
    this.#records = records
    this.#image = image
    this.#force = options.force ?? false
    this.#noPrune = options.noPrune ?? false
    this.#read = options.read
    this.#tell = options.tell
  }

  byName(parsed: Reference): RemovedItem[] {
    const name = parsed.digest === undefined ? withDefaultTag(parsed) : withoutTag(parsed)
    const users = this.#users()
    if (!this.#force && users.length > 0 && isSingleName(this.#names()))
      throw referenceInUse(parsed, users, this.#image)
    this.#untag(name)
    if (name.digest === undefined) this.#untagDigestsOf(name)
    if (this.#names().length === 0 && this.#isDeletable()) this.#delete()
    return this.#items
  }

  byId(): RemovedItem[] {
    this.#verifyDeletable()
    for (const name of this.#names()) this.#untag(name)
    this.#delete()
    return this.#items
  }

  #names(): Reference[] {
    return this.#records.references(this.#image.id).map(parseReference)
  }

  #users(): ContainerUse[] {
    return this.#records.containersUsing(this.#image.id)
  }

  #untag(name: Reference): void {
    if (!this.#records.untag(name.toString())) return
    this.#items.push({ untagged: name.familiar() })
    this.#tell('untag', this.#image.id)
  }

  /** Names by digest go with the last tag of their repository. */
  #untagDigestsOf({ name }: Reference): void {
    const others = this.#names().filter((other) => other.name === name)
    if (others.every(({ digest }) => digest !== undefined)) for (const other of others) this.#untag(other)
  }

  /** Whether a nameless image may go as well; that it may not is no failure of removing its name. */
  #isDeletable(): boolean {
    if (this.#records.hasChildren(this.#image.id)) return false
    return this.#users().every(({ phase }) => this.#force && phase !== 'started')
  }

  /** In Docker's order: the first of several reasons is told. */
  #verifyDeletable(): void {
    const image = this.#image
    if (this.#records.hasChildren(image.id)) throw hasChildren(image)
    const users = this.#users()
    const running = users.filter(({ phase }) => phase === 'started')
    if (running.length > 0) throw usedBy('running', running, image, 'cannot be forced')
    if (this.#force) return
    if (!isSingleName(this.#names()))
      throw conflict(image, 'must be forced', 'image is referenced in multiple repositories', [])
    if (users.length > 0) throw usedBy('stopped', users, image, 'must be forced')
  }

  #delete(): void {
    const { parent = null } = this.#records.get(this.#image.id) ?? {}
    this.#deleteAlone(this.#image)
    if (!this.#noPrune && parent !== null) this.#prune(parent)
  }

  /** Removes what nothing else needs any more, up the line of parents. */
  #prune(id: string): void {
    const row = this.#records.get(id)
    const isNeeded =
      this.#records.hasChildren(id) ||
      this.#records.references(id).length > 0 ||
      this.#records.containersUsing(id).length > 0
    if (!row || isNeeded) return
    this.#deleteAlone(this.#read(id))
    if (row.parent !== null) this.#prune(row.parent)
  }

  #deleteAlone(image: ImageContent): void {
    this.#records.delete(image.id)
    this.#items.push({ deleted: image.id })
    this.#tell('delete', image.id)
    for (const { chainId } of [...image.layers].reverse()) {
      if (!this.#records.isChainUsed(chainId)) this.#items.push({ deleted: chainId })
    }
  }
}

/** One tag, with or without digests of its own repository. */
function isSingleName(names: readonly Reference[]): boolean {
  if (names.length <= 1) return true
  const tags = names.filter(({ digest }) => digest === undefined)
  if (tags.length > 1) return false
  const repositories = new Set(names.filter(({ digest }) => digest !== undefined).map(({ name }) => name))
  return repositories.size === 1 && repositories.has((tags[0] ?? (names[0] as Reference)).name)
}

function short(id: string): string {
  return id.replace('sha256:', '').slice(0, 12)
}

function referenceInUse(reference: Reference, users: readonly ContainerUse[], image: ImageContent): ConflictError {
  const [user] = users as readonly [ContainerUse]
  return inUse(
    `conflict: unable to remove repository reference "${reference.familiar()}" (must force) - container ${short(user.id)} is using its referenced image ${short(image.id)}`,
    image,
    users,
  )
}

function usedBy(
  state: 'running' | 'stopped',
  users: readonly ContainerUse[],
  image: ImageContent,
  how: string,
): ConflictError {
  const [user] = users as readonly [ContainerUse]
  return conflict(image, how, `image is being used by ${state} container ${short(user.id)}`, users)
}

function conflict(image: ImageContent, how: string, why: string, users: readonly ContainerUse[]): ConflictError {
  return inUse(`conflict: unable to delete ${short(image.id)} (${how}) - ${why}`, image, users)
}

function inUse(message: string, image: ImageContent, users: readonly ContainerUse[]): ConflictError {
  const [first] = users
  return new ConflictError(message, {
    code: 'IMAGE_IN_USE',
    details: {
      image: image.id,
      ...(first && { container: first.id, containerName: first.name, containers: users.map(({ id }) => id) }),
    },
  })
}

function hasChildren(image: ImageContent): ConflictError {
  return new ConflictError(
    `conflict: unable to delete ${short(image.id)} (cannot be forced) - image has dependent child images`,
    { code: 'IMAGE_HAS_CHILDREN', details: { image: image.id } },
  )
}
