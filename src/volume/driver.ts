/** Options that every call of a driver gets. */
export interface VolumeDriverCall {
  /** Fires when the caller gave up, the engine closes, or the driver took too long. */
  readonly signal: AbortSignal
}

/** A volume as its driver knows it. */
export interface DriverVolume {
  readonly name: string
  /** Where its files are on the host, while it is mounted or always. */
  readonly mountpoint?: string
  readonly createdAt?: Date
  /** Whatever the driver tells of it: `Status` of inspect. */
  readonly status?: Readonly<Record<string, unknown>>
}

/**
 * Keeps volumes: where their files are, and how they come to a path of the host while a container uses them.
 *
 * A volume lives as follows: `create`; any number of times `mount`, its files are used at the path that this returned,
 * `unmount` with the same id; `remove`. The engine calls `mount` once for each run of a container, also while other runs
 * have the volume mounted; `mount` and `unmount` of one volume never overlap.
 *
 * Any call may come again after it was cut short, in another process too: what is there already is success for `create`, what
 * is not there any more is success for `unmount` and `remove`. A call that rejects leaves things as they were. One that does not
 * settle within two minutes is given up: `signal` fires, and what it returns is not awaited any more.
 *
 * @see https://docs.docker.com/engine/extend/plugins_volume/ for the same methods as a protocol
 *
 * @example
 * ```ts
 * const driver: VolumeDriver = {
 *   create: (name) => mkdir(`/srv/volumes/${name}`, { recursive: true }).then(() => {}),
 *   remove: (name) => rm(`/srv/volumes/${name}`, { recursive: true, force: true }),
 *   mount: async (name) => `/srv/volumes/${name}`,
 *   unmount: async () => {},
 * }
 * await using engine = await Engine.open({ volumeDrivers: { srv: driver } })
 * await engine.run('redis:7').mount({ type: 'volume', source: 'data', target: '/data', volumeOptions: { driver: 'srv' } })
 * ```
 */
export interface VolumeDriver {
  /**
   * Makes a volume.
   *
   * @param options `driverOptions`; to be checked here
   */
  create(name: string, options: Readonly<Record<string, string>>, call: VolumeDriverCall): Promise<void>
  /** Removes it with its data. */
  remove(name: string, call: VolumeDriverCall): Promise<void>
  /**
   * Makes its files available.
   *
   * @param id names this use of it, for the `unmount` that ends it
   * @returns an absolute path of the host
   */
  mount(name: string, id: string, call: VolumeDriverCall): Promise<string>
  /** Ends a use of it. */
  unmount(name: string, id: string, call: VolumeDriverCall): Promise<void>
  /** Where its files are when it is mounted; '' or absent: only `mount` tells. */
  path?(name: string, call: VolumeDriverCall): Promise<string>
  /** What the driver knows of it; undefined: it has no such volume. What it has already is not made, and never undone. */
  get?(name: string, call: VolumeDriverCall): Promise<DriverVolume | undefined>
  /** All volumes it has, whoever made them. */
  list?(call: VolumeDriverCall): Promise<readonly DriverVolume[]>
  /** `global`: the same volumes are seen on other hosts. Default `local`. */
  capabilities?(call: VolumeDriverCall): Promise<{ readonly scope: 'local' | 'global' }>
}
