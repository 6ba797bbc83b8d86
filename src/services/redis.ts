import { answers } from './answers.js'
import { connectionUrl } from './connection-string.js'
import type { ImageOption } from './preset.js'
import { type Service, service } from './service.js'

/** Options of {@link redis}. */
export interface RedisOptions extends ImageOption {
  /** What clients have to say first. Default: nothing, as the image has it. */
  readonly password?: string
}

/** Credentials of Redis. */
export interface RedisCredentials {
  /** '' : none. */
  readonly password: string
}

/**
 * Redis: the official image. Ready when it answers to `PING`: what it had on its disk is loaded then. A snapshot has what is in
 * its memory, by `SAVE`.
 *
 * @param options password: default none; image: default `redis:7`
 *
 * @example
 * ```ts
 * await using cache = await redis().start(engine)
 * const client = createClient({ url: cache.connectionString })
 * ```
 */
export function redis({ password = '', image = 'redis:7' }: RedisOptions = {}): Service<RedisCredentials> {
  return service<RedisCredentials>({
    name: 'Redis',
    image,
    port: 6379,
    credentials: { password },
    command: (its) => (its.password === '' ? undefined : ['redis-server', '--requirepass', its.password]),
    ready: () => [answers(6379, { send: 'PING\r\n', expect: /^\+PONG|^-NOAUTH/ })],
    // Who has no name is `default`; redis-cli wants it said.
    connectionString: (address, its) => connectionUrl('redis', address, { ...its, user: its.password && 'default' }),
    beforeSnapshot: (its) => [
      'redis-cli',
      '-e',
      ...(its.password === '' ? [] : ['--no-auth-warning', '-a', its.password]),
      'SAVE',
    ],
  })
}
