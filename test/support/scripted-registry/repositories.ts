import { sha256 } from '../archives.js'

export interface StoredManifest {
  readonly mediaType: string
  readonly bytes: Buffer
}

export interface StoredRepository {
  readonly manifests: Map<string, StoredManifest>
  readonly tags: Map<string, string>
  readonly blobs: Map<string, Buffer>
}

/** What a registry has. */
export class Repositories {
  readonly #byName = new Map<string, StoredRepository>()

  get(name: string): StoredRepository | undefined {
    return this.#byName.get(name)
  }

  make(name: string): StoredRepository {
    const known = this.#byName.get(name) ?? { manifests: new Map(), tags: new Map(), blobs: new Map() }
    this.#byName.set(name, known)
    return known
  }

  names(): string[] {
    return [...this.#byName.keys()].sort()
  }

  /** @returns the digest */
  putManifest(name: string, reference: string, manifest: StoredManifest): string {
    const repository = this.make(name)
    const digest = sha256(manifest.bytes)
    repository.manifests.set(digest, manifest)
    if (!reference.startsWith('sha256:')) repository.tags.set(reference, digest)
    return digest
  }

  manifest(name: string, reference: string): StoredManifest | undefined {
    const repository = this.#byName.get(name)
    return repository?.manifests.get(repository.tags.get(reference) ?? reference)
  }
}
