import type { Readable } from 'node:stream'
import type { RegistryAuth } from './types.js'

/** A request to a registry, in the words of the distribution specification. */
export interface RegistryRequest {
  /** The registry's host, as references have it: `docker.io`, `reg.local:5000`. */
  readonly registry: string
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Path and query, `/v2/library/redis/tags/list?n=100`, or a whole URL that the registry itself gave (`Location`, `Link`). */
  readonly path: string
  /** Token scopes: `repository:library/redis:pull,push`. */
  readonly scopes: readonly string[]
  readonly headers?: Readonly<Record<string, string>>
  /** A function is called for every attempt. */
  readonly body?: Buffer | (() => AsyncIterable<Uint8Array>)
  /** Whether mirrors may answer instead; only for pulls. */
  readonly mirrored?: boolean
  /** Whether a failed attempt may be repeated as it is. Default: true for GET and HEAD and where `body` is a Buffer; else false. */
  readonly repeatable?: boolean
  readonly auth?: RegistryAuth | undefined
  readonly signal?: AbortSignal | undefined
}

export interface RegistryResponse {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** Has to be read or destroyed. Fails when nothing comes for the stall time-out. */
  readonly body: Readable
  /** Where it came from after redirects, without credentials: to resolve a relative `Location` against. */
  readonly url: string
}

/** Requests to registries: finds the endpoint, connects, authenticates, follows redirects, retries. */
export interface Transport {
  /**
   * Answers with any status below 500 but 401 and 429, after all retries; the caller judges 2xx, 3xx and 4xx.
   *
   * @throws {RegistryError} REGISTRY_UNAVAILABLE, REGISTRY_RATE_LIMITED; {AuthError} UNAUTHORIZED
   */
  request(request: RegistryRequest): Promise<RegistryResponse>
  close(): Promise<void>
}
