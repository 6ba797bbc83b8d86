import type { Content } from '../../content/content.js'
import { type Digest, hexOf } from '../../content/digest.js'
import { tarEnd, tarHeader, tarPadding } from '../../layer/index.js'
import type { Reference } from '../../reference/reference.js'
import { blobBytes } from '../blob-bytes.js'
import type { Annotations, WrittenDocument } from '../documents/write-manifest.js'
import type { SavableImage } from '../save-image.js'

export type SaveFormat = 'docker' | 'oci'

/** An image with the names that the archive gives it. */
export interface ArchivedImage extends SavableImage {
  readonly names: readonly Reference[]
}

/** Images for several platforms under the same names: one index of them. */
export interface ArchivedList {
  readonly document: WrittenDocument & { readonly digest: Digest }
  readonly names: readonly Reference[]
}

/** All that an archive holds. */
export interface ArchiveContents {
  readonly images: readonly ArchivedImage[]
  readonly format: SaveFormat
  /** What `index.json` names instead of the images. */
  readonly list?: ArchivedList | undefined
  /** Of `index.json`. */
  readonly annotations?: Annotations | undefined
}

/** A file of the archive: its bytes, or a stored blob. */
export interface ArchiveFile {
  readonly name: string
  readonly size: number
  readonly content: Buffer | Digest
}

/**
 * An archive of images as a tar, with the entries in the order that Docker writes: what images share is in it once.
 * Everything in it is root's and of 1970, so that the same images always give the same bytes.
 *
 * The `docker` format is that of Docker ≥ 25: an OCI layout and the `manifest.json` and `repositories` of older versions
 * in one, which all of them load.
 *
 * @see https://github.com/opencontainers/image-spec/blob/main/image-layout.md
 */
export async function* writeArchive(
  contents: ArchiveContents,
  content: Content,
): AsyncGenerator<Buffer, void, undefined> {
  for (const name of ['blobs', 'blobs/sha256']) yield tarHeader({ kind: 'directory', name, mode: 0o755 })
  for (const file of archiveFiles(contents)) {
    yield tarHeader({ kind: 'file', name: file.name, mode: 0o644, size: file.size })
    yield* archiveFileBytes(file, content)
    yield tarPadding(file.size)
  }
  yield tarEnd
}

/** The bytes of one of its files. */
export async function* archiveFileBytes(
  { content: source, size }: ArchiveFile,
  content: Content,
): AsyncGenerator<Buffer, void, undefined> {
  if (Buffer.isBuffer(source)) yield source
  else yield* blobBytes(content, source, { length: size })
}

/** Blobs come first. */
export function archiveFiles(contents: ArchiveContents): ArchiveFile[] {
  return [...blobFiles(contents), ...documents(contents)]
}

const blobName = (digest: Digest) => `blobs/sha256/${hexOf(digest)}`

function blobFiles({ images, list }: ArchiveContents): ArchiveFile[] {
  const files = new Map<string, ArchiveFile>()
  const add = (digest: Digest, size: number, content: Buffer | Digest) =>
    files.set(digest, { name: blobName(digest), size, content })
  for (const { config, manifest, layers } of images) {
    for (const { digest, size } of layers) add(digest, size, digest)
    add(config.digest, config.bytes.length, config.bytes)
    add(manifest.digest, manifest.bytes.length, manifest.bytes)
  }
  if (list) add(list.document.digest, list.document.bytes.length, list.document.bytes)
  return [...files.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

function documents({ images, format, list, annotations }: ArchiveContents): ArchiveFile[] {
  const named = list ? [{ ...list, manifest: list.document }] : images
  const index = jsonFile('index.json', { ...indexOf(named), ...(annotations && { annotations }) })
  const layout = jsonFile('oci-layout', { imageLayoutVersion: '1.0.0' })
  if (format === 'oci') return [index, layout]
  const repositories = repositoriesOf(images)
  const hasNames = Object.keys(repositories).length > 0
  const manifest = jsonFile('manifest.json', images.map(dockerEntry))
  return [index, manifest, layout, ...(hasNames ? [jsonFile('repositories', repositories)] : [])]
}

function jsonFile(name: string, document: object): ArchiveFile {
  const content = Buffer.from(JSON.stringify(document))
  return { name, size: content.length, content }
}

/** A manifest stands there once for each of its names, as containerd and Docker write it. */
function indexOf(named: readonly Pick<ArchivedImage, 'manifest' | 'names'>[]): object {
  const manifests = named.flatMap(({ manifest: { mediaType, digest, bytes }, names }) => {
    const descriptor = { mediaType, digest, size: bytes.length }
    return names.length === 0
      ? [descriptor]
      : names.map((name) => ({ ...descriptor, annotations: nameAnnotations(name) }))
  })
  return { schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests }
}

function nameAnnotations(name: Reference): object {
  return { 'io.containerd.image.name': name.toString(), 'org.opencontainers.image.ref.name': name.tag }
}

function dockerEntry({ config, layers, names }: ArchivedImage): object {
  const sources = layers.map(({ diffId, mediaType, size, digest }) => [diffId, { mediaType, size, digest }])
  return {
    Config: blobName(config.digest),
    RepoTags: names.length === 0 ? null : names.map((name) => name.familiar()),
    Layers: layers.map(({ digest }) => blobName(digest)),
    LayerSources: Object.fromEntries(sources),
  }
}

/** Repository → tag → the top layer: what Docker before 1.10 loads. */
function repositoriesOf(images: readonly ArchivedImage[]): Record<string, Record<string, string>> {
  const repositories: Record<string, Record<string, string>> = {}
  for (const { layers, names } of images) {
    const top = layers.at(-1)
    if (top === undefined) continue
    for (const name of names) {
      const repository = name.familiar().slice(0, -(name.tag as string).length - 1)
      repositories[repository] = { ...repositories[repository], [name.tag as string]: hexOf(top.digest) }
    }
  }
  return repositories
}
