import { answers } from './answers.js'
import { connectionUrl } from './connection-string.js'
import type { DatabaseCredentials, DatabaseOptions } from './preset.js'
import { type Service, service } from './service.js'

/**
 * MySQL: the official image. Ready when it greets over TCP: the server that the image has while it makes its first files does not
 * listen there. Snapshots need nothing: InnoDB finds what it needs in its log.
 *
 * @param options user: default `root`; another one is made, with all rights on the database, and root has the same password;
 *   password: default a random one; database: default `test`; image: default `mysql:8.4`
 *
 * @example
 * ```ts
 * await using db = await mysql({ user: 'app', database: 'app' }).start(engine)
 * const connection = await createConnection(db.connectionString)
 * ```
 */
export function mysql({ image = 'mysql:8.4', ...options }: DatabaseOptions = {}): Service<DatabaseCredentials> {
  return family({ name: 'MySQL', scheme: 'mysql', prefix: 'MYSQL', image }, options)
}

/**
 * MariaDB: the official image; else as {@link mysql}.
 *
 * @param options image: default `mariadb:11`; else those of `mysql()`
 *
 * @example
 * ```ts
 * await using db = await mariadb().start(engine)
 * const connection = await createConnection(db.connectionString)
 * ```
 */
export function mariadb({ image = 'mariadb:11', ...options }: DatabaseOptions = {}): Service<DatabaseCredentials> {
  return family({ name: 'MariaDB', scheme: 'mariadb', prefix: 'MARIADB', image }, options)
}

interface Member {
  readonly name: string
  readonly scheme: string
  /** Of the variables that its image understands. */
  readonly prefix: string
  readonly image: string
}

function family(
  { name, scheme, prefix, image }: Member,
  { user = 'root', password, database = 'test' }: DatabaseOptions,
): Service<DatabaseCredentials> {
  return service<DatabaseCredentials>({
    name,
    image,
    port: 3306,
    credentials: { user, password, database },
    env: (its) => ({
      [`${prefix}_ROOT_PASSWORD`]: its.password,
      [`${prefix}_DATABASE`]: its.database,
      // The images refuse to make root once more.
      ...(its.user !== 'root' && { [`${prefix}_USER`]: its.user, [`${prefix}_PASSWORD`]: its.password }),
    }),
    ready: () => [answers(3306, { expect: greeting })],
    connectionString: (address, its) => connectionUrl(scheme, address, its),
  })
}

/** The length of a packet, its number, and the version of the protocol. */
const greeting = /^.{3}\0\n/s
