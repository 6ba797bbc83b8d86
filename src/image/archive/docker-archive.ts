import type { Digest } from '../../content/digest.js'
import { cleanName } from '../../layer/index.js'
import { parseReference, withDefaultTag } from '../../reference/reference.js'
import { maxConfigBytes, parseConfig, verifyLayerCount } from '../documents/config.js'
import { invalidArchive, shown } from '../documents/invalid.js'
import { asArray, asObject, asString, asStrings, optional, parseJson } from '../documents/json.js'
import { maxManifestBytes } from '../documents/manifest.js'
import { refuseAmbiguous } from '../tag.js'
import type { Archive } from './archive.js'
import type { ImageSource } from './image-source.js'

/** An image in `manifest.json`. */
interface Entry {
  readonly config: string
  readonly references: readonly string[]
  readonly layers: readonly string[]
}

/**
 * The images of an archive as `docker save` writes it: `manifest.json` names configurations, layers and tags by their
 * paths in the archive. The older `repositories` file says nothing more and is ignored.
 */
export async function readDockerArchive(archive: Archive): Promise<ImageSource[]> {
  const entries = await readEntries(archive)
  if (entries.length === 0) throw invalidArchive('manifest.json names no image')
  const images: ImageSource[] = []
  // One after the other: what they may take together is bounded.
  for (const entry of entries) images.push(await readImage(archive, entry))
  return images
}

/** The tags that `manifest.json` gives to the configurations it names, by the configuration's path. */
export async function readDockerTags(archive: Archive): Promise<ReadonlyMap<string, readonly string[]>> {
  return new Map((await readEntries(archive)).map(({ config, references }) => [config, references]))
}

async function readEntries(archive: Archive): Promise<Entry[]> {
  const document = parseJson(await archive.read('manifest.json', maxManifestBytes), 'manifest.json')
  return asArray(document, 'manifest.json').map((item, at) => {
    const what = `manifest.json[${at}]`
    const object = asObject(item, what)
    return {
      config: fileName(asString(object.Config, `${what}.Config`)),
      references: (optional(object.RepoTags, `${what}.RepoTags`, asStrings) ?? []).map(toTag),
      layers: (optional(object.Layers, `${what}.Layers`, asStrings) ?? []).map(fileName),
    }
  })
}

async function readImage(archive: Archive, entry: Entry): Promise<ImageSource> {
  const document = await archive.read(entry.config, maxConfigBytes)
  const config = parseConfig(document, shown(entry.config))
  verifyLayerCount(config, entry.layers.length)
  for (const name of entry.layers) verifyPresent(archive, name)
  const layers = entry.layers.map((name, at) => ({
    mediaType: undefined,
    ingest: (options = {}) => archive.ingest(name, { ...options, diffId: config.diffIds[at] as Digest }),
  }))
  return { document, config, manifest: undefined, layers, references: entry.references }
}

/** Told before anything is extracted. */
function verifyPresent(archive: Archive, name: string): void {
  if (archive.has(name)) return
  throw invalidArchive(`The archive has no ${shown(name)}: it is incomplete or truncated.`, { missing: name })
}

function fileName(name: string): string {
  const clean = cleanName(name)
  if (clean === '') throw invalidArchive(`${shown(name)} is not the name of a file in the archive`)
  return clean
}

function toTag(text: string): string {
  const reference = parseReference(text)
  if (reference.digest !== undefined) throw invalidArchive(`invalid tag ${shown(text)}: it has a digest`)
  refuseAmbiguous(reference)
  return withDefaultTag(reference).toString()
}
