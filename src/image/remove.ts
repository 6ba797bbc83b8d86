import { ConflictError } from '../errors/index.js'
import { parseReference, type Reference, withDefaultTag, withoutTag } from '../reference/reference.js'
import type { ContainerUse, ImageRecords } from '../store/images.js'
import { isIdPrefix } from './catalogue.js'
import type { ImageContent, RemovedItem } from './types.js'

/**
 * Removes a name of an image, and the image with its last name, by Docker's rules:
 * a name goes alone while the image has others; an ID takes all names of one repository along; what a container uses
 * stays unless forced, and even forced when the container runs.
 *
 * A forced removal of an image that a stopped container uses takes its names only: the image goes when it is removed
 * again after the container.
 *
 * @throws {ConflictError} `IMAGE_IN_USE`, with Docker's message
 */
export function removeImage(
  records: ImageRecords,
  image: ImageContent,
  nameOrId: string,
  force: boolean,
): RemovedItem[] {
  const removal = new Removal(records, image, force)
  return isIdPrefix(image.id, nameOrId) ? removal.byId() : removal.byName(parseReference(nameOrId))
}

class Removal {
  readonly #records: ImageRecords
  readonly #image: ImageContent
  readonly #force: boolean
  readonly #items: RemovedItem[] = []

  constructor(records: ImageRecords, image: ImageContent, force: boolean) {
    this.#records = records
    this.#image = image
    this.#force = force
  }

  byName(parsed: Reference): RemovedItem[] {
    const name = parsed.digest === undefined ? withDefaultTag(parsed) : withoutTag(parsed)
    const [user] = this.#users()
    if (!this.#force && user && isSingleName(this.#names())) throw referenceInUse(parsed, user, this.#image)
    this.#untag(name)
    if (name.digest === undefined) this.#untagDigestsOf(name)
    return this.#names().length > 0 ? this.#items : this.#delete()
  }

  byId(): RemovedItem[] {
    const names = this.#names()
    if (!isSingleName(names) && !this.#force) {
      throw conflict(this.#image, 'must be forced', 'image is referenced in multiple repositories')
    }
    this.#verifyUnused()
    for (const name of names) this.#untag(name)
    return this.#delete()
  }

  #names(): Reference[] {
    return this.#records.references(this.#image.id).map(parseReference)
  }

  #users(): ContainerUse[] {
    return this.#records.containersUsing(this.#image.id)
  }

  #untag(name: Reference): void {
    if (this.#records.untag(name.toString())) this.#items.push({ untagged: name.familiar() })
  }

  /** Names by digest go with the last tag of their repository. */
  #untagDigestsOf({ name }: Reference): void {
    const others = this.#names().filter((other) => other.name === name)
    if (others.every(({ digest }) => digest !== undefined)) for (const other of others) this.#untag(other)
  }

  #verifyUnused(): void {
    const users = this.#users()
    const running = users.find(({ phase }) => phase === 'started')
    if (running)
      throw conflict(
        this.#image,
        'cannot be forced',
        `image is being used by running container ${short(running.id)}`,
        running,
      )
    const [stopped] = users
    if (stopped && !this.#force) {
      throw conflict(
        this.#image,
        'must be forced',
        `image is being used by stopped container ${short(stopped.id)}`,
        stopped,
      )
    }
  }

  #delete(): RemovedItem[] {
    // Forced, with containers left: they keep the image.
    if (this.#users().length > 0) return this.#items
    this.#records.delete(this.#image.id)
    this.#items.push({ deleted: this.#image.id })
    for (const { chainId } of [...this.#image.layers].reverse()) {
      if (!this.#records.isChainUsed(chainId)) this.#items.push({ deleted: chainId })
    }
    return this.#items
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

function referenceInUse(reference: Reference, user: ContainerUse, image: ImageContent): ConflictError {
  return inUse(
    `conflict: unable to remove repository reference "${reference.familiar()}" (must force) - container ${short(user.id)} is using its referenced image ${short(image.id)}`,
    image,
    user,
  )
}

function conflict(image: ImageContent, how: string, why: string, user?: ContainerUse): ConflictError {
  return inUse(`conflict: unable to delete ${short(image.id)} (${how}) - ${why}`, image, user)
}

function inUse(message: string, image: ImageContent, user: ContainerUse | undefined): ConflictError {
  return new ConflictError(message, {
    code: 'IMAGE_IN_USE',
    details: { image: image.id, ...(user && { container: user.id, containerName: user.name }) },
  })
}
