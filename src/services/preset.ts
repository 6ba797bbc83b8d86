import type { Readiness } from '../container/wait-strategy.js'

/** Of a service that lets everybody in. */
export type NoCredentials = Readonly<Record<never, never>>

/** Credentials as a service that runs has them: what was to be made up is. */
export type Settled<Own extends object> = { readonly [Name in keyof Own]-?: Exclude<Own[Name], undefined> }

/** Where a client reaches a service. */
export interface ServiceAddress {
  /** A name or an address; one of IPv6 without brackets. */
  readonly host: string
  readonly port: number
}

/**
 * A service as data: what runs, when it is ready, how it is reached. Copy one to change it: `{ ...postgres(), image: 'postgis/postgis:17-3.5' }`.
 */
export interface ServicePreset<Own extends object = NoCredentials> {
  /** What it is, in messages. */
  readonly name: string
  /** As `docker run` takes it. */
  readonly image: string
  /** Where it listens in its container: TCP. */
  readonly port: number
  /** What clients log in with. `password: undefined`: a random one, another for each container. */
  readonly credentials: Own
  /** Replaces the image's command. Default: the image's. */
  command?(credentials: Settled<Own>): readonly string[] | undefined
  /** Default: none. */
  env?(credentials: Settled<Own>): Readonly<Record<string, string>>
  /** All of them have to be so before it is given to anybody. */
  ready(credentials: Settled<Own>): readonly Readiness[]
  /** What its clients' libraries take. */
  connectionString(address: ServiceAddress, credentials: Settled<Own>): string
  /** A command to be run in its container before a snapshot is taken, so that what is in memory is in its files. Default: none. */
  beforeSnapshot?(credentials: Settled<Own>): readonly string[]
}

/** What every preset of this package can be given beside its credentials. */
export interface ImageOption {
  /** Default: the official image, of the version that the preset names. */
  readonly image?: string
}

/** Whom a server of databases knows. */
export interface DatabaseOptions extends ImageOption {
  readonly user?: string
  /** Default: a random one, another for each container. */
  readonly password?: string
  /** The database that is made, and that clients are led to. */
  readonly database?: string
}

/** Credentials of a server of databases. */
export interface DatabaseCredentials {
  readonly user: string
  readonly password: string | undefined
  readonly database: string
}
