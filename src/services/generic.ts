import type { Readiness } from '../container/wait-strategy.js'
import { answers } from './answers.js'
import { connectionUrl } from './connection-string.js'
import { type Service, service } from './service.js'

/** Options of {@link generic}. */
export interface GenericOptions {
  readonly image: string
  /** Where it listens in its container: TCP. */
  readonly port: number
  /** Of its connection string. Default `tcp`. */
  readonly scheme?: string
  /** Replaces the image's command. */
  readonly command?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Default: that it takes connections. */
  readonly ready?: readonly Readiness[]
  /** A command to be run in its container before a snapshot is taken. */
  readonly beforeSnapshot?: readonly string[]
}

/**
 * Any service: for those that have no preset here.
 *
 * @example
 * ```ts
 * const mail = generic({ image: 'axllent/mailpit', port: 8025, scheme: 'http', ready: [http('/readyz', { port: 8025 })] })
 * await using inbox = await mail.start(engine)
 * ```
 */
export function generic({
  image,
  port,
  scheme = 'tcp',
  command,
  env = {},
  ready = [answers(port)],
  beforeSnapshot,
}: GenericOptions): Service {
  return service({
    name: image,
    image,
    port,
    credentials: {},
    env: () => env,
    ready: () => ready,
    connectionString: (address) => connectionUrl(scheme, address),
    ...(command && { command: () => command }),
    ...(beforeSnapshot && { beforeSnapshot: () => beforeSnapshot }),
  })
}
