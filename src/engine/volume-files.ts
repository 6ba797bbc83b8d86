import type { Readable } from 'node:stream'
import { reporting } from '../errors/system.js'
import type { VolumeRecord } from '../store/volumes.js'
import {
  type ArchiveSource,
  type ExportTreeOptions,
  exportTree,
  type ImportTreeOptions,
  importTree,
  readableOf,
  readingFrom,
} from '../volume/archive.js'
import { type CopyInOptions, copyIn } from '../volume/copy-in.js'
import { type CopyOutOptions, copyOut } from '../volume/copy-out.js'
import type { VolumeKeeper } from '../volume/keeper.js'

/** What was copied. */
export interface CopiedFiles {
  /** Files, directories, links and whatever else. */
  readonly entries: number
  /** Bytes of the files, with their holes. */
  readonly size: number
}

/** A volume whose files are wanted. */
export interface VolumeFiles {
  readonly keeper: VolumeKeeper
  readonly name: string
  /** Its record, as it is when it is needed. */
  find(signal: AbortSignal): Promise<VolumeRecord>
}

/** A volume's files as a tar. From the first read on it stays mounted until the stream has ended or is destroyed. */
export function exportVolume(volume: VolumeFiles, options: ExportTreeOptions, signal: AbortSignal): Readable {
  const stream = readableOf((stop) => archive(volume, options, stop), undefined)
  // Who has left it half read would be killed by an error that nobody listens for.
  const onAbort = () => stream.destroy(stream.listenerCount('error') > 0 ? signal.reason : undefined)
  stream.once('close', () => signal.removeEventListener('abort', onAbort))
  signal.addEventListener('abort', onAbort, { once: true })
  return stream
}

async function* archive(
  { keeper, name, find }: VolumeFiles,
  { path }: ExportTreeOptions,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  const { path: directory, end } = await reporting(`cannot export volume ${name}`, async () =>
    keeper.open(await find(signal), signal),
  )
  try {
    for await (const chunk of exportTree({ directory }, { path, signal })) yield chunk
  } finally {
    await end()
  }
}

export function importVolume(
  volume: VolumeFiles,
  source: ArchiveSource,
  { path, limits }: ImportTreeOptions,
  signal: AbortSignal,
): Promise<CopiedFiles> {
  return readingFrom(source, (tar) =>
    accessing(volume, signal, (directory) => importTree({ directory }, tar, { path, limits, signal })),
  )
}

export function copyToVolume(
  volume: VolumeFiles,
  source: string,
  path: string,
  { followLink, owner }: CopyInOptions,
  signal: AbortSignal,
): Promise<CopiedFiles> {
  return accessing(volume, signal, (directory) =>
    copyIn(source, placeIn(volume, directory), path, { followLink, owner, signal }),
  )
}

export function copyFromVolume(
  volume: VolumeFiles,
  path: string,
  target: string,
  { followLink, archive }: CopyOutOptions,
  signal: AbortSignal,
): Promise<CopiedFiles> {
  return accessing(volume, signal, (directory) =>
    copyOut(placeIn(volume, directory), path, target, { followLink, archive, signal }),
  )
}

const placeIn = ({ name }: VolumeFiles, directory: string) => ({ root: { directory }, kind: 'volume', name }) as const

async function accessing<Result>(
  { keeper, find }: VolumeFiles,
  signal: AbortSignal,
  body: (directory: string) => Promise<Result>,
): Promise<Result> {
  return keeper.access(await find(signal), body, signal)
}
