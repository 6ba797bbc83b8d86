import type { BlobDescriptor } from '../../content/content.js'
import { type Digest, digestOf, hexOf } from '../../content/digest.js'
import { DigestMismatchError } from '../../errors/index.js'
import { parseReference, withDefaultTag } from '../../reference/reference.js'
import { maxConfigBytes, parseConfig, verifyLayerCount } from '../documents/config.js'
import { invalidArchive, shown } from '../documents/invalid.js'
import { parseObject } from '../documents/json.js'
import {
  type Descriptor,
  foreignLayer,
  type Index,
  type Manifest,
  maxManifestBytes,
  parseManifest,
} from '../documents/manifest.js'
import { foreignTypes, indexTypes } from '../documents/media-types.js'
import { formatPlatform, hostPlatform, matchPlatform } from '../documents/platform.js'
import { mayBeImage } from '../documents/selection.js'
import { refuseAmbiguous } from '../tag.js'
import type { Archive, IngestFileOptions } from './archive.js'
import { readDockerTags } from './docker-archive.js'
import type { ImageSource } from './image-source.js'

const maxNestedIndexes = 4

/** A manifest that can be an image, with what led to it. */
interface Candidate {
  readonly descriptor: Descriptor
  readonly references: readonly string[]
}

/**
 * The images of an OCI image layout: one for each manifest or nested index in `index.json`; of an index, and of several
 * manifests with one name, the one that fits this host best.
 *
 * @see https://github.com/opencontainers/image-spec/blob/main/image-layout.md
 */
export async function readOciLayout(archive: Archive): Promise<ImageSource[]> {
  await verifyLayout(archive)
  const index = parseManifest(await archive.read('index.json', maxManifestBytes), undefined, 'index.json')
  if (index.kind !== 'index') throw invalidArchive('index.json is not an index')
  const groups = groupByName(index.manifests.filter(mayBeImage))
  if (groups.length === 0) throw invalidArchive('index.json names no image')
  const tags = archive.has('manifest.json') ? await readDockerTags(archive) : new Map<string, readonly string[]>()
  const images: ImageSource[] = []
  for (const candidates of groups) images.push(await readImage(archive, await choose(archive, candidates, 0), tags))
  return images
}

async function verifyLayout(archive: Archive): Promise<void> {
  if (!archive.has('oci-layout')) return
  const { imageLayoutVersion } = parseObject(await archive.read('oci-layout', 4096), 'oci-layout')
  if (imageLayoutVersion !== '1.0.0') {
    throw invalidArchive(`the OCI layout has version ${shown(imageLayoutVersion)}; only 1.0.0 is supported`)
  }
}

function groupByName(manifests: readonly Descriptor[]): Candidate[][] {
  const groups = new Map<string, Candidate[]>()
  for (const descriptor of manifests) {
    const references = namesOf(descriptor)
    const key = references[0] ?? descriptor.digest
    const group = groups.get(key) ?? []
    group.push({ descriptor, references })
    groups.set(key, group)
  }
  return [...groups.values()]
}

/** containerd's annotation holds a whole name; OCI's may hold a whole name or only a tag, which names nothing. */
function namesOf({ annotations }: Descriptor): string[] {
  const full = annotations['io.containerd.image.name']
  const short = annotations['org.opencontainers.image.ref.name']
  const name = full ?? (short !== undefined && /[/:]/.test(short) ? short : undefined)
  if (name === undefined) return []
  const reference = withDefaultTag(parseReference(name))
  refuseAmbiguous(reference)
  return reference.digest === undefined ? [reference.toString()] : []
}

async function choose(archive: Archive, candidates: readonly Candidate[], depth: number): Promise<Candidate> {
  if (depth > maxNestedIndexes) throw invalidArchive(`the archive nests indexes more than ${maxNestedIndexes} deep`)
  const chosen = best(candidates)
  if (!indexTypes.has(chosen.descriptor.mediaType)) return chosen
  const index = (await readManifest(archive, chosen.descriptor)) as Index
  const nested = index.manifests.filter(mayBeImage).map((descriptor) => ({ descriptor, references: chosen.references }))
  if (nested.length === 0) throw invalidArchive(`the index ${chosen.descriptor.digest} names no image`)
  return choose(archive, nested, depth + 1)
}

/** A lone manifest is taken whatever it is for, as Docker does. */
function best(candidates: readonly Candidate[]): Candidate {
  const [first, ...others] = candidates
  if (first && others.length === 0) return first
  const wanted = hostPlatform()
  const score = ({ descriptor: { platform } }: Candidate) => (platform ? matchPlatform(wanted, platform) : 0)
  const chosen = candidates.reduce((a, b) => (score(b) > score(a) ? b : a))
  if (score(chosen) > 0) return chosen
  const offered = candidates.map(({ descriptor: { platform } }) => (platform ? formatPlatform(platform) : 'unknown'))
  throw invalidArchive(
    `no image in the archive is for ${formatPlatform(wanted)}; it has ${offered.slice(0, 20).join(', ')}`,
    { wanted: formatPlatform(wanted), offered },
  )
}

const blobName = (digest: Digest) => `blobs/sha256/${hexOf(digest)}`

async function readManifest(archive: Archive, descriptor: Descriptor): Promise<Manifest | Index> {
  const bytes = await readVerified(archive, descriptor, maxManifestBytes)
  return parseManifest(bytes, descriptor.mediaType, descriptor.digest)
}

async function readVerified(archive: Archive, { digest, size }: Descriptor, maxBytes: number): Promise<Buffer> {
  if (size > maxBytes) throw invalidArchive(`${digest} is announced with ${size} bytes; ${maxBytes} are allowed`)
  const bytes = await archive.read(blobName(digest), maxBytes)
  const actual = digestOf(bytes)
  if (actual === digest && bytes.length === size) return bytes
  throw new DigestMismatchError(
    `the archive's ${digest} has digest ${actual} and ${bytes.length} bytes, but ${size} were announced: it is corrupt`,
    { code: 'DIGEST_MISMATCH', details: { expected: digest, actual, expectedSize: size, actualSize: bytes.length } },
  )
}

function ingest(
  archive: Archive,
  { digest, size }: Descriptor,
  options: IngestFileOptions = {},
): Promise<BlobDescriptor> {
  return archive.ingest(blobName(digest), { ...options, expected: { digest, size } })
}

/** A foreign layer whose bytes are in the archive is as good as any. */
function verifyForeign(archive: Archive, layer: Descriptor): void {
  const isForeign = layer.urls.length > 0 || foreignTypes.has(layer.mediaType)
  if (isForeign && !archive.has(blobName(layer.digest))) throw foreignLayer(layer)
}

async function readImage(
  archive: Archive,
  { descriptor, references }: Candidate,
  tags: ReadonlyMap<string, readonly string[]>,
): Promise<ImageSource> {
  const manifest = (await readManifest(archive, descriptor)) as Manifest
  const document = await readVerified(archive, manifest.config, maxConfigBytes)
  const config = parseConfig(document, manifest.config.digest)
  verifyLayerCount(config, manifest.layers.length)
  for (const layer of manifest.layers) verifyForeign(archive, layer)
  const layers = manifest.layers.map((layer) => ({
    mediaType: layer.mediaType,
    ingest: (options = {}) => ingest(archive, layer, options),
  }))
  const names = [...references, ...(tags.get(blobName(manifest.config.digest)) ?? [])]
  return {
    document,
    config,
    manifest: { digest: descriptor.digest, ingest: () => ingest(archive, descriptor) },
    layers,
    references: [...new Set(names)],
  }
}
