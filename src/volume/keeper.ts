import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { failpoint } from '../errors/failpoint.js'
import { ConflictError, InboardError, NotFoundError, VolumeError } from '../errors/index.js'
import { native, withFileLock } from '../host/index.js'
import type { VolumeMount, VolumeRecord, VolumeStore } from '../store/volumes.js'
import type { VolumeDriver } from './driver.js'
import { isRefusal } from './driver-failure.js'
import { type DriverRegistry, lookUp } from './drivers.js'
import { type FillSource, fill, finishFill, isHalfFilled, isToBeFilled } from './fill.js'
import { VolumeLayers } from './layers.js'
import { makeVolumeDirectory } from './local-driver.js'
import { readOptions } from './local-record.js'
import { delayed, patiently, within } from './time-limit.js'

/** A volume that somebody wants to have. */
export interface VolumeRequest {
  readonly name: string
  readonly isAnonymous: boolean
  /** '' : whichever it has; `local` where it is made. */
  readonly driver: string
  readonly labels: Readonly<Record<string, string>>
  readonly options: Readonly<Record<string, string>>
  /** It is another container's, and not made when it is not there any more. */
  readonly mustExist?: boolean
}

export interface VolumeKeeperOptions {
  /** `root/volumes`; exists. */
  readonly directory: string
  /** Of locks: `runRoot/volumes`; exists. */
  readonly locks: string
  readonly store: VolumeStore
  readonly drivers: Pick<DriverRegistry, 'get' | 'known' | 'hasOthers' | 'find' | 'close'>
  /** Whether the kernel can lay an overlay over what a directory has. */
  readonly canOverlay: (directory: string) => Promise<boolean>
  readonly closing: AbortSignal
}

/**
 * Makes, mounts, fills and removes volumes: what the store says of them and what there is on the host are brought together
 * here, under one lock for each volume. Whatever is cut short is finished by whoever comes next.
 *
 * A *plain* volume is one of the driver `local` without options: a directory, `NAME/_data`, which is there always and needs
 * no mounting. All others are mounted by their drivers for each run of a container, those over layers too.
 */
export class VolumeKeeper {
  readonly store: VolumeStore
  readonly #directory: string
  readonly #locks: string
  readonly #drivers: VolumeKeeperOptions['drivers']
  readonly #closing: AbortSignal
  /** Ends what undoes something, which `closing` does not end at once. */
  readonly #undoing: AbortSignal
  #isOpening = true
  readonly #ending = new Set<Promise<void>>()
  readonly #layers: VolumeLayers

  constructor({ directory, locks, store, drivers, canOverlay, closing }: VolumeKeeperOptions) {
    this.store = store
    this.#layers = new VolumeLayers({ directory, store, canOverlay })
    this.#directory = directory
    this.#locks = locks
    this.#drivers = drivers
    this.#closing = closing
    this.#undoing = delayed(closing, patienceMs)
  }

  /** Where a plain volume's files are, and where the driver `local` mounts others. */
  path(name: string): string {
    return `${this.#directory}/${name}/_data`
  }

  /** Where the files of a container's volume are; '' when only its driver can tell, and they are not mounted. */
  mountpointOf({ volume, driver }: { volume: string; driver: string }): string {
    if (driver === 'local') return this.path(volume)
    return this.store.mountsOf(volume).find(({ path }) => path !== undefined)?.path ?? ''
  }

  /** Runs `body` while nobody else makes, mounts, fills or removes the volume. */
  locked<Result>(name: string, body: () => Result | Promise<Result>, signal = this.#closing): Promise<Result> {
    const lock = `${this.#locks}/${name}`
    const leaving = async () => {
      try {
        return await body()
      } finally {
        // Those who wait for it take the next one.
        if (!this.store.get(name)) rmSync(lock, { force: true })
      }
    }
    return withFileLock(lock, leaving, signal)
  }

  driver(name: string, signal?: AbortSignal): Promise<VolumeDriver> {
    return this.#drivers.get(name, signal)
  }

  /** The names of all drivers there are. */
  knownDrivers(): Promise<string[]> {
    return this.#drivers.known()
  }

  /**
   * Runs `insert` in a transaction at whose end all the volumes are there: those that are not yet are made. When it fails,
   * what was made for it is removed.
   *
   * @returns what `insert` does, and the names of the volumes that were made
   * @throws {ConflictError} VOLUME_EXISTS when one has another driver than it should; {VolumeError}; {NotFoundError} VOLUME_DRIVER_NOT_FOUND
   */
  async having<Result>(
    requests: readonly VolumeRequest[],
    insert: () => Result,
    signal = this.#closing,
  ): Promise<{ result: Result; made: string[] }> {
    for (;;) {
      signal.throwIfAborted()
      try {
        await this.#verifyDrivers(requests)
        const driven = requests.filter((request) => this.#isDriven(request))
        driven.sort((one, other) => (one.name < other.name ? -1 : 1))
        return await this.#making(driven, [], signal, (own) =>
          this.store.transaction(() => {
            const there = this.store.named(requests.map(({ name }) => name))
            const made = requests.filter((request) => this.#settle(request, own, there.get(request.name)))
            return { result: insert(), made: made.map(({ name }) => name) }
          }),
        )
      } catch (error) {
        if (!(error instanceof Busy)) throw error
        if (!(await this.recover(error.volume, signal))) throw inUse(error.volume, this.store)
      }
    }
  }

  /** A volume that the store does not know, of the first driver that does, as if it had been made through the engine. */
  async find(name: string, signal = this.#closing): Promise<VolumeRecord | undefined> {
    const found = await this.#drivers.find(name, signal)
    if (!found) return undefined
    const request = { name, driver: found.driver, isAnonymous: false, labels: {}, options: {} }
    const { createdAtMs, ...record } = newRecord(request, 'ready')
    return { ...record, createdAtMs: found.createdAt?.getTime() ?? createdAtMs }
  }

  /** Records those of the volumes, asked for without a driver, that only a driver knows. Returns whether there are any. */
  async adoptKnown(requests: readonly VolumeRequest[], signal = this.#closing): Promise<boolean> {
    const isAsked = ({ name, driver, isAnonymous, mustExist = false }: VolumeRequest) =>
      driver === '' && !isAnonymous && !mustExist && !this.store.get(name)
    const asked = requests.filter(isAsked)
    if (asked.length === 0 || !this.#drivers.hasOthers()) return false
    let isAny = false
    for (const { name } of asked) {
      const known = await this.find(name, signal)
      if (known) await this.adopt(known, signal)
      isAny ||= known !== undefined
    }
    return isAny
  }

  /** Records a volume that only its driver knows. */
  adopt(volume: VolumeRecord, signal = this.#closing): Promise<void> {
    return this.locked(volume.name, () => void this.store.insert(volume), signal)
  }

  /** Makes what a plain volume needs on the disk; harmless when it is there. */
  prepare(volume: VolumeRecord): void {
    if (!isPlain(volume)) return
    makeVolumeDirectory(`${this.#directory}/${volume.name}`)
  }

  /** Whether {@link prepare} and {@link finishFill} would do nothing. */
  isThere(volume: VolumeRecord): boolean {
    return !isPlain(volume) || (existsSync(this.path(volume.name)) && !this.#isHalfFilled(volume.name))
  }

  /** Finishes, or undoes, what somebody was filling a plain volume with when he was killed. */
  async recoverFill(name: string, signal = this.#closing): Promise<void> {
    const finish = async () => {
      const volume = this.store.get(name)
      if (volume && isPlain(volume) && existsSync(this.path(name)))
        await finishFill(this.path(name), this.#staging(name))
    }
    await this.locked(name, finish, signal)
  }

  /** Finishes what somebody has begun to fill a volume with, also where the caller would not: nobody is to see a part of it. */
  async finishFill({ name }: VolumeRecord, signal = this.#closing): Promise<void> {
    if (this.#isHalfFilled(name)) await this.recoverFill(name, signal)
  }

  /** Whether a fill would do something, as far as one can tell without mounting the volume. */
  isToBeFilled(volume: VolumeRecord): boolean {
    if (isPlain(volume)) return isToBeFilled(this.path(volume.name), this.#staging(volume.name))
    return !isLocal(volume) || this.#layers.isEmpty(volume)
  }

  /** Fills a volume, when it is empty, with what an image has. */
  async fill(volume: VolumeRecord, source: FillSource, signal = this.#closing): Promise<void> {
    const { name } = volume
    const isFilled = await this.locked(
      name,
      async () => {
        const now = this.#layers.finish(name)
        if (!now || !isPlain(now)) return false
        await fill({ source, target: this.path(name), staging: this.#staging(name), signal })
        return true
      },
      signal,
    )
    if (isFilled) return
    await this.access(
      volume,
      (target) => this.locked(name, () => fill({ source, target, staging: target, signal }), signal),
      signal,
    )
  }

  /** Runs `body` with the path of a volume's files, which is mounted for it. Meanwhile nobody removes the volume. */
  async access<Result>(
    volume: VolumeRecord,
    body: (path: string) => Result | Promise<Result>,
    signal = this.#closing,
  ): Promise<Result> {
    const { path, end } = await this.open(volume, signal)
    try {
      return await body(path)
    } finally {
      await end()
    }
  }

  /**
   * The path of a volume's files, which is mounted until `end` is called: once, whatever happens.
   *
   * @throws {NotFoundError} VOLUME_NOT_FOUND; {VolumeError} when its driver cannot
   */
  async open({ name }: VolumeRecord, signal = this.#closing): Promise<{ path: string; end: () => Promise<void> }> {
    const { user, forget } = this.#beginAccess()
    const end = () => this.locked(name, () => this.#endAccess(name, user), this.#undoing).finally(forget)
    try {
      const path = await this.locked(name, () => this.#openLocked(name, user, signal), signal)
      return { path, end }
    } catch (error) {
      await this.#patiently([end().catch(() => {})])
      throw error
    }
  }

  /** Waits until nobody of this process reads or writes a volume's files without a container, and lets go of the drivers. */
  async close(): Promise<void> {
    while (this.#ending.size > 0) await Promise.all(this.#ending)
    this.#drivers.close()
  }

  /**
   * Mounts what a run of a container needs mounted.
   *
   * @returns paths by name; plain volumes are not among them
   */
  async acquire(container: string, attempt: number, signal = this.#closing): Promise<ReadonlyMap<string, string>> {
    const paths = new Map<string, string>()
    for (const volume of this.store.usedBy(container)) {
      if (isPlain(volume)) continue
      const mount = () => this.#mount(this.#layers.finish(volume.name) ?? volume, container, attempt, signal)
      paths.set(volume.name, await this.locked(volume.name, mount, signal))
    }
    return paths
  }

  /**
   * Unmounts what was mounted for runs of a container that are over. No driver but `local` keeps a container from being
   * over: what one cannot unmount, or not in time, is unmounted with the next of its runs, or when the root is opened again.
   */
  async release(container: string): Promise<void> {
    const mounts = this.store.mounts(container)
    const unmount = ({ volume, attempt }: VolumeMount) =>
      this.locked(volume, () => this.#unmount(volume, container, attempt), this.#undoing)
    const isForeign = ({ volume }: VolumeMount) => this.#isForeign(volume)
    for (const mount of mounts) if (!isForeign(mount)) await unmount(mount)
    // `reconcile` does it for all at once.
    if (this.#isOpening) return
    await this.#patiently(mounts.filter(isForeign).map((mount) => tolerating(unmount(mount))))
  }

  /** Finishes the removal of a volume; where its driver cannot, or not in time, the next one who comes across it does. */
  async discard(name: string): Promise<void> {
    if (!this.#isForeign(name)) return void (await this.recover(name))
    if (this.#isOpening) return
    await this.#patiently([tolerating(this.recover(name, this.#undoing))])
  }

  /** Bytes of a volume's files, of one over layers of what it shares with no other; undefined when they are not in this root. */
  async size(volume: VolumeRecord): Promise<number | undefined> {
    if (!isLocal(volume)) return undefined
    return isPlain(volume) ? native().treeSize(this.path(volume.name)) : this.#layers.ownSize(volume)
  }

  /** Whether a clone of a volume should rather be a copy: that shares the blocks of its files, and can be made at any time. */
  hasReflinks(): boolean {
    return this.#layers.hasReflinks()
  }

  /**
   * Makes a clone of a volume that shares its files as layers.
   *
   * @returns undefined when that cannot be: it is in use, or its files or the kernel are not fit; false when there is a
   *   volume of that name
   */
  async share(
    { name }: VolumeRecord,
    request: VolumeRequest,
    signal: AbortSignal = this.#closing,
  ): Promise<boolean | undefined> {
    if (!(await this.#layers.isPossible())) return undefined
    const isShared = await this.locked(
      name,
      async () => {
        const volume = this.#layers.finish(name)
        if (volume?.state !== 'ready') throw noSuchVolume(name)
        if (!isLocal(volume) || !(await this.#isIdle(volume))) return undefined
        this.prepare(volume)
        if (isPlain(volume)) await finishFill(this.path(name), this.#staging(name))
        else this.#layers.prepare(volume)
        return this.#layers.share(volume, newRecord(request, 'ready'), signal)
      },
      signal,
    )
    if (isShared) await this.#prepareClone(request.name)
    return isShared
  }

  /**
   * Makes a volume that is there once `write` has written its files.
   *
   * @returns false when there is one of that name
   */
  make(
    request: VolumeRequest,
    write: (path: string) => Promise<void>,
    signal: AbortSignal = this.#closing,
  ): Promise<boolean> {
    const volume = newRecord(request, 'creating')
    return this.locked(
      volume.name,
      async () => {
        // On the disk before any of its files: they are not taken for a volume's after a power cut.
        if (!this.store.durable(() => this.store.insert(volume))) return false
        const { user, forget } = this.#beginAccess()
        try {
          failpoint('clone.create')
          const driver = await this.driver(volume.driver)
          await driver.create(volume.name, volume.options, { signal })
          await write(await this.#mount(volume, user, 0, signal))
          await this.#unmount(volume.name, user, 0)
          failpoint('clone.finish')
          this.store.finish(volume.name)
          return true
        } catch (error) {
          await this.#undoMaking(volume, error)
          throw error
        } finally {
          forget()
        }
      },
      signal,
    )
  }

  /**
   * Removes a volume with its data.
   *
   * @throws {ConflictError} VOLUME_IN_USE; {NotFoundError} VOLUME_NOT_FOUND; {VolumeError} when its driver cannot
   */
  async remove(name: string, { force = false, signal = this.#closing } = {}): Promise<void> {
    await this.locked(
      name,
      async () => {
        const volume = this.store.get(name)
        if (!volume) throw noSuchVolume(name)
        if (this.#isAccessed(name) || (volume.state === 'ready' && !this.store.beginRemove(name)))
          throw inUse(name, this.store)
        try {
          await this.#finishRemoval(volume, { isTolerated: force ? isDriverMissing : never })
        } catch (error) {
          // A driver that refuses has left it as it was.
          if (volume.state === 'ready') this.store.restore(name)
          throw error
        }
      },
      signal,
    )
  }

  /**
   * Finishes or undoes what was cut short of a volume's making or removal.
   *
   * @returns false when somebody still reads or writes its files without a container: who does so last finishes it
   */
  recover(name: string, signal = this.#undoing): Promise<boolean> {
    return this.locked(
      name,
      async () => {
        const volume = this.#layers.finish(name)
        if (!volume || volume.state === 'ready') return true
        if (this.#isAccessed(name)) return false
        await this.#finishRemoval(volume, { signal })
        return true
      },
      signal,
    )
  }

  /**
   * Brings volumes up to what has happened while nobody looked.
   *
   * @param isOver whether a run of a container is over; what is mounted for it is unmounted then
   */
  async reconcile(isOver: (container: string, attempt: number) => boolean): Promise<void> {
    this.#isOpening = false
    const withDrivers: Promise<void>[] = []
    const finish = async (volume: string, work: () => Promise<unknown>) => {
      if (this.#isForeign(volume)) withDrivers.push(tolerating(work()))
      else await tolerating(work())
    }
    for (const { volume, container, attempt } of this.store.mounts()) {
      if (!(isAccess(container) ? isDeadAccess(container) : isOver(container, attempt))) continue
      failpoint('volume.reconcile-mount')
      await finish(volume, () => this.locked(volume, () => this.#unmount(volume, container, attempt, this.#closing)))
    }
    for (const { name, state } of this.store.unfinished()) {
      // Whoever makes it lives, and may take his time.
      if (state === 'creating' && native().isLocked(`${this.#locks}/${name}`)) continue
      failpoint('volume.reconcile')
      await finish(name, () => this.recover(name, this.#closing))
    }
    await this.#patiently(withDrivers)
    // Whoever fills it lives, and may take his time.
    for (const { name } of this.store.unprepared())
      if (!native().isLocked(`${this.#locks}/${name}`)) await tolerating(this.recoverFill(name))
    // Of a volume that was removed by somebody who was killed before he removed its lock.
    for (const name of readdirSync(this.#locks)) if (!this.store.get(name)) await this.locked(name, () => {})
    for (const name of this.#unrecorded()) this.#adoptDirectory(name)
    for (const { name } of this.store.list().filter((volume) => this.#isMisrecorded(volume)))
      await this.locked(name, () => {
        const volume = this.store.get(name)
        if (volume && this.#isMisrecorded(volume)) this.store.setLayers(name, this.#layers.recorded(name))
      })
    await this.#layers.sweep()
  }

  /** What no caller can be kept waiting for goes on by itself after a while; {@link close} waits for it. */
  async #patiently(works: readonly Promise<void>[]): Promise<void> {
    if (works.length === 0) return
    const ended = Promise.allSettled(works).then(() => void this.#ending.delete(ended))
    this.#ending.add(ended)
    await patiently(works, patienceMs)
  }

  /** Whether another driver than `local` has it. */
  #isForeign(name: string): boolean {
    const volume = this.store.get(name)
    return volume !== undefined && volume.driver !== 'local'
  }

  /** Whether its directory is over other layers than the store says: that was restored from a backup. */
  #isMisrecorded(volume: VolumeRecord): boolean {
    if (!isLocal(volume) || volume.state !== 'ready' || volume.rebasing !== undefined) return false
    const recorded = this.#layers.recorded(volume.name)
    return recorded.length > 0 && recorded.join() !== volume.layers.join()
  }

  /**
   * Directories that the store has no record of: it was restored from a backup, or a power cut has taken its last
   * transactions. A record always comes before its directory and goes after it, so nobody is making or removing these.
   */
  #unrecorded(): string[] {
    const found = readdirSync(this.#directory, { withFileTypes: true })
    const names = found.flatMap((entry) => (entry.isDirectory() && /^[a-zA-Z0-9]/.test(entry.name) ? [entry.name] : []))
    const known = new Set(this.store.list().map(({ name }) => name))
    return names.filter((name) => !known.has(name) && !this.store.get(name) && existsSync(this.path(name)))
  }

  /** One that has options that cannot be read stays as it is: nobody knows whose files it is to have. */
  #adoptDirectory(name: string): void {
    const options = readOptions(`${this.#directory}/${name}`)
    if (options === undefined) return
    const request = { name, isAnonymous: anonymousName.test(name), driver: 'local', labels: {}, options }
    this.store.insert(newRecord(request, 'ready', this.#layers.recorded(name)))
  }

  /** A driver that does not exist is told of before the volume that has another one. */
  async #verifyDrivers(requests: readonly VolumeRequest[]): Promise<void> {
    for (const { name, driver } of requests) {
      const volume = driver === '' ? undefined : this.store.get(name)
      if (volume && volume.driver !== driver) await saying(`create ${name}`, () => this.driver(driver))
    }
  }

  /** Whether it is to be made by a driver. */
  #isDriven(request: VolumeRequest): boolean {
    return !isPlainRequest(request) && !request.mustExist && !this.#usable(request)
  }

  /** Whether somebody reads or writes its files without a container. */
  #isAccessed(name: string): boolean {
    return this.store.mountsOf(name).some(({ container }) => isAccess(container) && !isDeadAccess(container))
  }

  /** Under its lock: whether nobody uses it. What was left mounted for those who are no more is unmounted. */
  async #isIdle({ name }: VolumeRecord): Promise<boolean> {
    if (this.#isAccessed(name) || this.store.users(name).some(({ phase }) => phase === 'started')) return false
    for (const { container, attempt } of this.store.mountsOf(name)) await this.#unmount(name, container, attempt)
    return native().mountedAt(this.path(name)) === undefined
  }

  /** A clone whose directories cannot be made is none. */
  async #prepareClone(name: string): Promise<void> {
    const prepare = () => {
      const volume = this.store.get(name)
      if (volume?.state === 'ready' && volume.layers.length > 0) this.#layers.prepare(volume)
    }
    try {
      failpoint('clone.directories')
      await this.locked(name, prepare, neverAborted)
    } catch (error) {
      await this.remove(name, { signal: neverAborted }).catch(() => {})
      throw error
    }
  }

  #isHalfFilled(name: string): boolean {
    return isHalfFilled(this.path(name), this.#staging(name))
  }

  /** Of what a plain volume is being filled with, on the same filesystem. */
  #staging(name: string): string {
    return `${this.#directory}/${name}`
  }

  #beginAccess(): { user: string; forget: () => void } {
    const user = newAccess()
    let ended = () => {}
    const ending = new Promise<void>((resolve) => {
      ended = resolve
    })
    this.#ending.add(ending)
    const forget = () => {
      accesses.delete(user)
      this.#ending.delete(ending)
      ended()
    }
    return { user, forget }
  }

  async #openLocked(name: string, user: string, signal: AbortSignal): Promise<string> {
    const volume = this.#layers.finish(name)
    if (volume?.state !== 'ready') throw noSuchVolume(name)
    if (!isPlain(volume)) return this.#mount(volume, user, 0, signal)
    this.prepare(volume)
    await finishFill(this.path(name), this.#staging(name))
    this.store.beginMount(name, user, 0)
    return this.path(name)
  }

  async #endAccess(name: string, user: string): Promise<void> {
    await this.#unmount(name, user, 0)
    // The container that it went with was removed meanwhile.
    const volume = this.store.get(name)
    if (volume?.state === 'removing' && !this.#isAccessed(name)) await this.#finishRemoval(volume)
  }

  /** Whether a volume can be had as it is. */
  #usable({ name, driver }: VolumeRequest, volume = this.store.get(name)): boolean {
    if (!volume) return false
    if (volume.state !== 'ready') throw new Busy(name)
    if (driver !== '' && driver !== volume.driver) throw otherDriver(volume, driver)
    return true
  }

  /** In the transaction: the volume is there from now on. Returns whether it was made. */
  #settle(request: VolumeRequest, own: ReadonlySet<string>, volume: VolumeRecord | undefined): boolean {
    const { name } = request
    if (own.has(name)) {
      this.store.finish(name)
      return true
    }
    if (volume && this.#usable(request, volume)) return false
    if (request.mustExist) throw noSuchVolume(name)
    // Somebody has removed it since it was looked at.
    if (!isPlainRequest(request)) throw new Busy(name)
    return this.store.insert(newRecord(request, 'ready'))
  }

  /** Makes volumes by their drivers, one inside the lock of the other, in the order of their names. */
  async #making<Result>(
    requests: readonly VolumeRequest[],
    own: readonly string[],
    signal: AbortSignal,
    body: (own: ReadonlySet<string>) => Result,
  ): Promise<Result> {
    const [request, ...others] = requests
    if (!request) return body(new Set(own))
    return this.locked(
      request.name,
      async () => {
        // What its driver has already is not made, and so never undone.
        const isKnown = await this.#isKnown(request, signal)
        const volume = newRecord(request, isKnown ? 'ready' : 'creating')
        if (!this.store.insert(volume) || isKnown) {
          if (this.store.get(request.name)?.state !== 'ready') throw new Busy(request.name)
          return this.#making(others, own, signal, body)
        }
        try {
          failpoint('volume.create')
          await saying(`create ${volume.name}`, async () => {
            const driver = await this.driver(volume.driver, signal)
            await driver.create(volume.name, volume.options, { signal })
          })
          failpoint('volume.created')
          return await this.#making(others, [...own, volume.name], signal, body)
        } catch (error) {
          await this.#undoMaking(volume, error)
          throw error
        }
      },
      signal,
    )
  }

  /** Whether a driver has a volume that the store knows nothing of. */
  async #isKnown({ name, driver }: VolumeRequest, signal: AbortSignal): Promise<boolean> {
    if (driver === '' || driver === 'local' || this.store.get(name)) return false
    return saying(`create ${name}`, async () => {
      return (await lookUp(await this.driver(driver, signal), name, signal)) !== undefined
    })
  }

  /** Of what neither is removed nor was refused nobody knows whether it is there: its record tells the next one. */
  async #undoMaking(volume: VolumeRecord, error: unknown): Promise<void> {
    const isTolerated = isRefusal(error) ? always : isDriverMissing
    const undo = (signal = this.#undoing) => this.#finishRemoval(volume, { isTolerated, signal })
    const limit = { ms: patienceMs, tooLate: () => error as Error, signals: [this.#undoing] }
    await (volume.driver === 'local' ? undo() : within(limit, undo)).catch(() => {})
  }

  async #mount(volume: VolumeRecord, user: string, attempt: number, signal: AbortSignal): Promise<string> {
    const driver = await this.driver(volume.driver, signal)
    if (volume.layers.length > 0) this.#layers.prepare(volume)
    failpoint('volume.mount')
    this.store.beginMount(volume.name, user, attempt)
    const what = `error while mounting volume '${volume.driver === 'local' ? this.path(volume.name) : volume.name}'`
    const path = await saying(what, async () => {
      try {
        return await driver.mount(volume.name, useId(user, attempt), { signal })
      } catch (error) {
        // Then there is nothing to be unmounted.
        if (isRefusal(error)) this.store.unmounted(volume.name, user, attempt)
        throw error
      }
    })
    failpoint('volume.mounted')
    this.store.mounted(volume.name, user, attempt, path)
    return path
  }

  async #unmount(volume: string, user: string, attempt: number, signal = this.#undoing): Promise<void> {
    const record = this.store.get(volume)
    // What is mounted on a plain volume's directory was mounted by somebody else.
    if (record && !isPlain(record)) {
      const driver = await this.driver(record.driver, signal)
      failpoint('volume.unmount')
      await driver.unmount(volume, useId(user, attempt), { signal: undoingOf(record, signal) }).catch((error) => {
        // Whether it was mounted at all, nobody but its driver knows.
        if (!isRefusal(error) || this.#isMounted(volume, user, attempt)) throw error
      })
    }
    failpoint('volume.unmounted')
    this.store.unmounted(volume, user, attempt)
  }

  #isMounted(volume: string, user: string, attempt: number): boolean {
    const mounts = this.store.mountsOf(volume)
    return mounts.some((mount) => mount.container === user && mount.attempt === attempt && mount.path !== undefined)
  }

  /**
   * Under the volume's lock.
   *
   * @param isTolerated failures of its driver in spite of which its record goes
   */
  async #finishRemoval(
    volume: VolumeRecord,
    { isTolerated = never, signal = this.#undoing }: Removal = {},
  ): Promise<void> {
    failpoint('volume.remove')
    try {
      for (const { container, attempt } of this.store.mountsOf(volume.name))
        await this.#unmount(volume.name, container, attempt, signal).catch((error) => {
          // Whether it can be removed as it is, the driver says then.
          if (!isRefusal(error)) throw error
        })
      await saying(`remove ${volume.name}`, async () => {
        const driver = await this.driver(volume.driver, signal)
        await driver.remove(volume.name, { signal: undoingOf(volume, signal) })
      })
    } catch (error) {
      if (!isTolerated(error)) throw error
    }
    failpoint('volume.removed')
    await this.#layers.delete(volume)
  }
}

interface Removal {
  readonly isTolerated?: (error: unknown) => boolean
  readonly signal?: AbortSignal
}

const never = () => false
const always = () => true

/** There is no such driver any more, or this process has it not. */
const isDriverMissing = (error: unknown) => (error as { code?: string }).code === 'VOLUME_DRIVER_NOT_FOUND'

/** How long a driver of others is waited for where it must not keep anybody from going on. */
const patienceMs = 5000

/** What somebody else is making or removing. */
class Busy extends Error {
  readonly volume: string
  constructor(volume: string) {
    super(`volume ${volume} is being made or removed`)
    this.volume = volume
  }
}

/** A driver that fails, or that this process has not, keeps no root from being opened: its volumes wait for the next time. */
async function tolerating(work: Promise<unknown>): Promise<void> {
  try {
    await work
  } catch (error) {
    const isClosed = (error as { code?: string }).code === 'ENGINE_CLOSED'
    if (!(error instanceof VolumeError || isDriverMissing(error) || isClosed)) throw error
  }
}

/** A driver's failure says what was to be done with which volume, as Docker's does. */
async function saying<Result>(what: string, body: () => Promise<Result>): Promise<Result> {
  try {
    return await body()
  } catch (error) {
    if (!(error instanceof InboardError) || error.code === 'ENGINE_CLOSED') throw error
    const { code, details, message } = error
    const Class = error.constructor as typeof InboardError
    throw new Class(`${what}: ${message}`, { code, details, cause: error.cause ?? error })
  }
}

const neverAborted = new AbortController().signal

/** What `local` undoes is not given up. */
const undoingOf = ({ driver }: VolumeRecord, signal: AbortSignal) => (driver === 'local' ? neverAborted : signal)

const anonymousName = /^[0-9a-f]{64}$/

/** Uses of volumes without a container, by this process: each has its number in it. */
const accesses = new Set<string>()
let accessed = 0
const accessName = /^access-(\d+)-(\d+)-\d+$/
const isAccess = (user: string) => accessName.test(user)

function newAccess(): string {
  const user = `access-${process.pid}-${startOf(process.pid)}-${++accessed}`
  accesses.add(user)
  return user
}

function isDeadAccess(user: string): boolean {
  const [, pid, start] = accessName.exec(user) ?? []
  return startOf(Number(pid)) !== start || (Number(pid) === process.pid && !accesses.has(user))
}

/** When a process began, in ticks since the host did: with it a pid means one process. @see proc_pid_stat(5) */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}

/** What a use of a volume is called when it is talked of with its driver. */
export const useId = (user: string, attempt: number) => (attempt === 0 ? user : `${user}-${attempt}`)

/** Whether a volume is a directory, and no more. */
export function isPlain(volume: Pick<VolumeRecord, 'driver' | 'options' | 'layers' | 'rebasing'>): boolean {
  return isLocal(volume) && volume.layers.length === 0 && volume.rebasing === undefined
}

/** Whether a volume's files are in this root: it is plain, or over layers. */
export function isLocal({ driver, options }: Pick<VolumeRecord, 'driver' | 'options'>): boolean {
  return driver === 'local' && Object.keys(options).length === 0
}

const isPlainRequest = ({ driver, options }: VolumeRequest) => isLocal({ driver: driver || 'local', options })

export function newRecord(
  request: VolumeRequest,
  state: VolumeRecord['state'],
  layers: readonly string[] = [],
): VolumeRecord {
  const { name, isAnonymous, labels, options } = request
  const driver = request.driver || 'local'
  return { name, driver, createdAtMs: Date.now(), isAnonymous, labels, options, state, layers, rebasing: undefined }
}

export function noSuchVolume(name: string): NotFoundError {
  return new NotFoundError(`get ${name}: no such volume`, { code: 'VOLUME_NOT_FOUND', details: { volume: name } })
}

function inUse(name: string, store: VolumeStore): ConflictError {
  const users = store.users(name)
  const who =
    users.length > 0 ? `[${users.map(({ container }) => container).join(', ')}]` : 'its files are being copied'
  return new ConflictError(`remove ${name}: volume is in use - ${who}`, {
    code: 'VOLUME_IN_USE',
    details: { volume: name, containers: users.map((user) => ({ id: user.container, name: user.name })) },
  })
}

function otherDriver({ name, driver }: VolumeRecord, wanted: string): ConflictError {
  return new ConflictError(
    `create ${name}: driver '${driver}' already has volume '${name}': volume name must be unique: choose another name, or leave the driver out`,
    { code: 'VOLUME_EXISTS', details: { volume: name, driver, wanted } },
  )
}
