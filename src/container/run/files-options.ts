import type { MountInput, RunOptions } from '../../spec/options.js'
import { ProcessOptions } from './process-options.js'

/** What it sees of files. */
export abstract class FileOptions extends ProcessOptions {
  /** Makes the root filesystem read-only. */
  readOnly(readOnly = true): this {
    return this.with({ readOnly })
  }

  /** An empty filesystem in memory at `target`; options as of mount(8), such as `'size=64m,mode=1777'`. */
  tmpfs(target: string, options?: string): this {
    return this.add('tmpfs', [options === undefined ? target : { target, options }])
  }

  /**
   * Mounts volumes and directories or files of the host: `'/data'` is a new volume that goes with the container,
   * `'name:/data'` one that stays, made where it is missing; `'/host:/data'` a path of the host, a directory where it is
   * missing. Behind a further colon come `ro`, `nocopy` (leave an empty volume empty, instead of filling it with what the
   * image has there) and, for a path of the host, a propagation.
   *
   * @example
   * ```ts
   * const db = await engine.run('postgres:16').volume('pgdata:/var/lib/postgresql/data', '/etc/ssl/certs:/certs:ro')
   * ```
   */
  volume(...volumes: readonly string[]): this {
    return this.add('volume', volumes)
  }

  /**
   * Mounts volumes, paths of the host (a missing one is an error), images and filesystems in memory, with all that can be
   * said of them.
   *
   * @example
   * ```ts
   * const volumeOptions = { labels: { keep: 'yes' }, driverOptions: { type: 'tmpfs', device: 'tmpfs', o: 'size=64m' } }
   * const web = await engine
   *   .run('nginx')
   *   .mount({ type: 'volume', source: 'cache', target: '/var/cache', volumeOptions })
   *   .mount({ type: 'bind', source: '/srv/site', target: '/usr/share/nginx/html', readOnly: true })
   * ```
   */
  mount(...mounts: readonly MountInput[]): this {
    return this.add('mount', mounts)
  }

  /** `container[:ro]`: mounts what other containers have mounted, at the same places. They need not run. */
  volumesFrom(...containers: readonly string[]): this {
    return this.add('volumesFrom', containers)
  }

  /** Who keeps the volumes that `volume()` and the image want, where they are made. Default: `local`. */
  volumeDriver(volumeDriver: string): this {
    return this.with({ volumeDriver })
  }

  /** `'/dev/x[:/dev/y[:rwm]]'`, or an object. */
  device(...devices: NonNullable<RunOptions['device']>): this {
    return this.add('device', devices)
  }

  /** Size of /dev/shm. Default 64m. */
  shmSize(shmSize: number | string): this {
    return this.with({ shmSize })
  }
}
