import type { VolumeRecord } from '../store/volumes.js'

/** What a volume begins with: the files of a snapshot. */
export interface VolumeOrigin {
  /** Top first. */
  readonly layers: readonly string[]
  /** Whether a volume can be laid over them; else their files are copied, of the one that there is. */
  readonly isShared: boolean
}

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
  readonly origin?: VolumeOrigin | undefined
}

export function newRecord(
  request: VolumeRequest,
  state: VolumeRecord['state'],
  layers: readonly string[] = [],
): VolumeRecord {
  const { name, isAnonymous, labels, options } = request
  const driver = request.driver || 'local'
  return { name, driver, createdAtMs: Date.now(), isAnonymous, labels, options, state, layers, rebasing: undefined }
}

/** Whether a volume is a directory, and no more. */
export function isPlain(volume: Pick<VolumeRecord, 'driver' | 'options' | 'layers' | 'rebasing'>): boolean {
  return isLocal(volume) && volume.layers.length === 0 && volume.rebasing === undefined
}

/** Whether a volume's files are in this root: it is plain, or over layers. */
export function isLocal({ driver, options }: Pick<VolumeRecord, 'driver' | 'options'>): boolean {
  return driver === 'local' && Object.keys(options).length === 0
}

/** Whether its record is all that is to be made at first. */
export function isPlainRequest({ driver, options, origin }: VolumeRequest): boolean {
  return isLocal({ driver: driver || 'local', options }) && (origin?.isShared ?? true)
}
