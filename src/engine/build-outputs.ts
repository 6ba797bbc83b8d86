import { mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Writable } from 'node:stream'
import { sortAnnotations } from '../build/export/annotations.js'
import { reporting } from '../errors/system.js'
import { type ExportedFiles, type ImageStore, writeCounted } from '../image/index.js'
import { extractPlain } from '../layer/index.js'
import { type BuiltStage, builtImage, type ImageSettings } from './build-document.js'
import type { BuildOptions, OutputInput } from './build-options.js'

/** What a build has written elsewhere. */
export interface BuildOutput {
  readonly type: OutputInput['type']
  /** The path, or the name that was pushed; undefined: a stream. */
  readonly dest: string | undefined
  /** Bytes that were written: of an archive all, of a directory those of its files. */
  readonly size?: number
  /** Of the image's manifest, or of the index that joins several platforms; undefined of mere files. */
  readonly digest?: string
}

export interface OutputRequest extends ImageSettings {
  /** One for each platform. */
  readonly solved: readonly BuiltStage[]
  readonly options: BuildOptions
  readonly signal: AbortSignal
}

type Written = Required<Pick<BuildOutput, 'size'>> & Pick<BuildOutput, 'digest'> & { readonly ids?: readonly string[] }

/** Files, or an archive of an image that is not recorded here. */
export type WrittenOutput = Exclude<OutputInput, { readonly type: 'image' }>

/**
 * Writes results of a build where they are wanted.
 *
 * @returns also the IDs that the images of an archive have
 * @throws {SyscallError}; {InvalidOptionError}; {LayerError}
 */
export async function writeOutput(
  store: ImageStore,
  output: WrittenOutput,
  request: OutputRequest,
): Promise<{ readonly output: BuildOutput; readonly ids: readonly string[] }> {
  const { type } = output
  const dest = typeof output.dest === 'string' ? resolve(output.dest) : undefined
  const target = dest ?? (output.dest as Writable)
  const { ids = [], ...written } = await writeTo(store, output, target, request)
  return { output: { type, dest, ...written }, ids }
}

function writeTo(
  store: ImageStore,
  output: WrittenOutput,
  target: string | Writable,
  request: OutputRequest,
): Promise<Written> {
  switch (output.type) {
    case 'local':
      return writeFiles(store, target as string, request)
    case 'tar':
      return writeTar(store, target, request)
    case 'docker':
      return writeImages(store, 'docker', target, request)
    case 'oci':
      return writeImages(store, 'oci', output.tar === false ? { directory: target as string } : target, request)
  }
}

function writeImages(
  store: ImageStore,
  format: 'docker' | 'oci',
  target: Parameters<ImageStore['writeBuilt']>[0]['target'],
  request: OutputRequest,
): Promise<Written> {
  const { solved, options, signal } = request
  const { index } = sortAnnotations(options.annotation ?? {})
  return store.writeBuilt({
    images: solved.map((result) => builtImage(store.steps, result, request)),
    references: options.tag ?? [],
    format,
    target,
    ...(index && { indexAnnotations: index }),
    signal,
  })
}

function writeTar(store: ImageStore, target: string | Writable, request: OutputRequest): Promise<Written> {
  const { signal } = request
  return store.withFiles(filesOf(request), (tar) => writeCounted(tar, target, signal), signal)
}

/**
 * Writes the files into a directory, over what is there. Nothing outside of it is touched, whatever symlinks are in it. Devices
 * are left out: on the host they would be those of the host.
 */
function writeFiles(store: ImageStore, directory: string, request: OutputRequest): Promise<Written> {
  const { signal } = request
  const files = filesOf(request).map((tree) => ({ ...tree, skipsDevices: true }))
  return reporting(`cannot write the result to ${directory}`, async () => {
    await mkdir(directory, { recursive: true })
    const extract = (tar: AsyncIterable<Buffer>) => extractPlain(tar, { directory }, { signal, setsRoot: false })
    const { size } = await store.withFiles(files, extract, signal)
    return { size }
  })
}

/** Of several platforms each has a directory of its own. */
function filesOf({ solved, epoch }: OutputRequest): ExportedFiles[] {
  return solved.map(({ filesystem: { layers }, platform }) => ({
    layers,
    latest: epoch,
    ...(solved.length > 1 && { within: platform.replaceAll('/', '_') }),
  }))
}
