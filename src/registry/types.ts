import type { BlobDescriptor } from '../content/content.js'
import type { Digest } from '../content/digest.js'
import type { Reference } from '../reference/reference.js'

/** How one registry is reached; the key it stands under is its host, as in a reference: `docker.io`, `reg.local:5000`. */
export interface RegistryOptions {
  /** Asked first, in this order, for pulls; URLs such as `https://mirror.local`, with an optional path prefix. */
  readonly mirrors?: readonly string[]
  /** Accepts any certificate, and plain HTTP where HTTPS does not answer. Default: true on loopback, else false. */
  readonly insecure?: boolean
  /**
   * Hosts of token servers that may get the registry's credentials, with the port where it is not 443. Those of the
   * registry's own domain always may.
   */
  readonly tokenServers?: readonly string[]
  /** PEM of certificate authorities to trust beside the system's. */
  readonly ca?: string
  /** PEM of the client's certificate and key. */
  readonly cert?: string
  readonly key?: string
}

/** Credentials of a user, as Docker's AuthConfig has them; `{}`: none, whatever is stored. */
export interface RegistryAuth {
  readonly username?: string
  readonly password?: string
  /** An OAuth2 refresh token, in place of a password. */
  readonly identityToken?: string
  /** A bearer token to be sent as it is. */
  readonly registryToken?: string
}

export interface RequestOptions {
  readonly signal?: AbortSignal | undefined
}

/** A manifest or index as it came; its bytes are what the digest says. */
export interface FetchedManifest {
  readonly bytes: Buffer
  readonly mediaType: string
  readonly digest: Digest
}

export interface ManifestHead {
  readonly mediaType: string
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
}

export interface UploadOptions extends RequestOptions {
  /** Bytes the registry has so far; may go back when a part has to be sent again. */
  readonly onProgress?: (current: number) => void
}

/** A repository of a registry. All of it retries what may succeed later, and authenticates as the registry asks. */
export interface Repository {
  /** `docker.io/library/redis` */
  readonly name: string
  /**
   * @param reference a tag or a digest
   * @throws {RegistryError} MANIFEST_NOT_FOUND, REGISTRY_INVALID beyond 4 MiB; {AuthError}; {DigestMismatchError}
   */
  manifest(reference: string, options?: RequestOptions): Promise<FetchedManifest>
  /** Undefined when there is none. */
  manifestHead(reference: string, options?: RequestOptions): Promise<ManifestHead | undefined>
  /** @returns the digest the registry has it under, which is that of the bytes */
  putManifest(reference: string, mediaType: string, bytes: Buffer, options?: RequestOptions): Promise<Digest>
  /** All tags, page by page. */
  tags(options?: RequestOptions): Promise<string[]>
  /**
   * A blob's bytes, from the mirrors or the registry; an interrupted download goes on where it stopped. Not more bytes
   * than announced; the digest is the reader's to verify.
   *
   * @throws {RegistryError} BLOB_NOT_FOUND
   */
  blob(blob: BlobDescriptor, options?: RequestOptions): AsyncIterable<Uint8Array>
  hasBlob(digest: Digest, options?: RequestOptions): Promise<boolean>
  /** Makes a blob of another repository of the same registry one of this; false when the registry would not. */
  mountBlob(digest: Digest, from: string, options?: RequestOptions): Promise<boolean>
  /**
   * Uploads in chunks; an interrupted upload goes on where the registry says it stopped.
   *
   * @param read the blob's bytes from an offset on
   */
  uploadBlob(
    blob: BlobDescriptor,
    read: (offset: number) => AsyncIterable<Uint8Array>,
    options?: UploadOptions,
  ): Promise<void>
}

export interface SearchOptions extends RequestOptions {
  /** 1 to 100; default 25. */
  readonly limit?: number
  /** Only repositories with at least so many stars. */
  readonly stars?: number
  readonly official?: boolean
  readonly automated?: boolean
}

export interface SearchResult {
  readonly name: string
  readonly description: string
  readonly stars: number
  readonly official: boolean
  readonly automated: boolean
}

export interface LoginOptions extends RequestOptions {
  readonly username?: string
  readonly password?: string
  readonly identityToken?: string
  /** Default: `docker.io`. */
  readonly registry?: string
}

/** What the engine uses of the registries: one for an engine, with its connections and tokens. */
export interface Registries {
  /** @param auth overrides what is stored for the registry; `{}` has it asked without credentials */
  repository(reference: Pick<Reference, 'domain' | 'path'>, auth?: RegistryAuth): Repository
  /** @param term `redis`, or `reg.local:5000/redis` for a registry of one's own */
  search(term: string, options?: SearchOptions, auth?: RegistryAuth): Promise<SearchResult[]>
  /** Repositories of a registry, without its host. */
  catalog(registry: string, options?: RequestOptions, auth?: RegistryAuth): Promise<string[]>
  /** Verifies the credentials with the registry, then stores them as Docker does. @throws {AuthError} */
  login(options: LoginOptions): Promise<void>
  /**
   * Asks the registry whether the credentials are right, and stores nothing.
   *
   * @returns what is to be used from then on: an identity token in place of the password when the registry gives one
   * @throws {AuthError}; {RegistryError}
   */
  verify(options: LoginOptions): Promise<RegistryAuth>
  /** Forgets what is stored. */
  logout(registry?: string, options?: RequestOptions): Promise<void>
  /** Ends all connections. */
  close(): Promise<void>
}

export interface RegistriesOptions {
  /** By host, or by CIDR for `insecure` ones. */
  readonly registries?: Readonly<Record<string, RegistryOptions>>
  /** Where Docker's `config.json` is. Default: `DOCKER_CONFIG`, else `~/.docker`. */
  readonly dockerConfigDirectory?: string
  /** Where `<host>/{*.crt,*.cert,*.key}` are. Default: `/etc/docker/certs.d`. */
  readonly certificatesDirectory?: string
}
