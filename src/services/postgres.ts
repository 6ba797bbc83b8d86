import { answers } from './answers.js'
import { connectionUrl } from './connection-string.js'
import type { DatabaseCredentials, DatabaseOptions } from './preset.js'
import { type Service, service } from './service.js'

/**
 * PostgreSQL: the official image, or one that understands its variables.
 *
 * It is ready when it answers to who begins a session over TCP: the server that the image has while it makes its first files
 * listens on a socket file only, and one that still replays its log says so.
 *
 * @param options user: default `postgres`; password: default a random one; database: default the user's name;
 *   image: default `postgres:17`
 *
 * @example
 * ```ts
 * await using db = await postgres({ database: 'app' }).start(engine)
 * const client = new pg.Client(db.connectionString)
 * ```
 */
export function postgres({
  user = 'postgres',
  password,
  database = user,
  image = 'postgres:17',
}: DatabaseOptions = {}): Service<DatabaseCredentials> {
  return service<DatabaseCredentials>({
    name: 'PostgreSQL',
    image,
    port: 5432,
    credentials: { user, password, database },
    env: (its) => ({ POSTGRES_USER: its.user, POSTGRES_PASSWORD: its.password, POSTGRES_DB: its.database }),
    ready: (its) => [answers(5432, { send: startup(its), expect: isTalking })],
    connectionString: (address, its) => connectionUrl('postgres', address, its),
    // It would replay its log otherwise, which takes longer; and before that sync each of its files, which a clone shares until then.
    // A server before version 14 refuses the setting, and goes on.
    beforeSnapshot: (its) => [
      'psql',
      '--no-password',
      '--username',
      its.user,
      '--dbname',
      its.database,
      '--command',
      'ALTER SYSTEM SET recovery_init_sync_method = syncfs',
      '--command',
      'CHECKPOINT',
    ],
  })
}

/** It asks who it is, or refuses for any reason but that it is starting up or going down. */
const isTalking = /^R|^E(?!.*\0C57P03\0)/s

/** @see https://www.postgresql.org/docs/current/protocol-message-formats.html, StartupMessage */
function startup({ user, database }: { readonly user: string; readonly database: string }): Uint8Array {
  const parameters = Buffer.from(`user\0${user}\0database\0${database}\0\0`)
  const head = Buffer.alloc(8)
  head.writeInt32BE(head.length + parameters.length, 0)
  head.writeInt32BE(3 << 16, 4)
  return Buffer.concat([head, parameters])
}
