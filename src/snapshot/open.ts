import { linkSync, unlinkSync, writeFileSync } from 'node:fs'
import { failpoint } from '../errors/failpoint.js'
import { InvalidOptionError } from '../errors/index.js'
import { readTextFile } from '../host/index.js'
import type { DriverName, SnapshotDriver } from './driver.js'
import { LayerStore } from './layer-store.js'
import { OverlaySnapshots } from './overlay.js'
import { canOverlay } from './probe.js'
import { VfsSnapshots } from './vfs.js'

export interface SnapshotOptions {
  /** Default: what the directory was made with; for a new one overlay, and vfs where overlay cannot be. */
  readonly driver?: DriverName | undefined
  /** Whether overlay works with this directory. Default: {@link canOverlay}, which does not mount. */
  readonly probe?: ((directory: string) => boolean) | undefined
}

/**
 * Opens a directory of snapshots, making it when it is missing. The choice of the driver is made once and kept in it.
 *
 * @throws InvalidOptionError when another driver is asked for than the directory was made with
 *
 * @example
 * ```ts
 * const snapshots = openSnapshots('/var/lib/inboard/snapshots')
 * const layer = await snapshots.prepareLayer(chainId, parent)
 * await extractLayer(tar, layer.path, { format: layer.format })
 * await layer.commit()
 * ```
 */
export function openSnapshots(directory: string, options: SnapshotOptions = {}): SnapshotDriver {
  const store = new LayerStore(directory)
  const chosen = readChoice(directory) ?? recordChoice(directory, choose(directory, options))
  if (options.driver !== undefined && options.driver !== chosen) {
    throw new InvalidOptionError(
      `${directory} was made with the storage driver ${chosen}, so ${options.driver} cannot be used: choose another root.`,
      { code: 'INVALID_OPTION', details: { option: 'storageDriver', directory, chosen, asked: options.driver } },
    )
  }
  return chosen === 'overlay' ? new OverlaySnapshots(store) : new VfsSnapshots(store)
}

function choose(directory: string, { driver, probe = canOverlay }: SnapshotOptions): DriverName {
  return driver ?? (probe(directory) ? 'overlay' : 'vfs')
}

function readChoice(directory: string): DriverName | undefined {
  const text = readTextFile(`${directory}/driver`)
  if (text === undefined) return undefined
  return text.trim() === 'vfs' ? 'vfs' : 'overlay'
}

/** The first of several processes decides. */
function recordChoice(directory: string, choice: DriverName): DriverName {
  const aside = `${directory}/.new-driver-${process.pid}`
  // Flushed: after a power cut there would be a name without its content.
  writeFileSync(aside, `${choice}\n`, { mode: 0o600, flush: true })
  try {
    failpoint('snapshot.driver')
    linkSync(aside, `${directory}/driver`)
    return choice
  } catch (error) {
    if ((error as { code?: string }).code !== 'EEXIST') throw error
    return readChoice(directory) as DriverName
  } finally {
    unlinkSync(aside)
  }
}
