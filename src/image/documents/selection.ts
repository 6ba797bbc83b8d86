import type { Descriptor } from './manifest.js'
import { indexTypes, manifestTypes } from './media-types.js'
import { matchPlatform, type Platform } from './platform.js'

/** Better than nothing, but not than a manifest of which more is known. */
const unknownPlatform = 0.001

/** Whether an entry of an index may be an image. Attestations and signatures stand beside the images they speak of. */
export function mayBeImage({ annotations, platform }: Descriptor): boolean {
  if (annotations['vnd.docker.reference.type'] !== undefined) return false
  return !(platform?.os === 'unknown' && platform.architecture === 'unknown')
}

function isImage(descriptor: Descriptor): boolean {
  const { mediaType } = descriptor
  return mayBeImage(descriptor) && (manifestTypes.has(mediaType) || indexTypes.has(mediaType))
}

/** What runs best on a platform; of equals the first. */
export function bestFor(wanted: Platform, manifests: readonly Descriptor[]): Descriptor | undefined {
  let best: { readonly descriptor: Descriptor; readonly score: number } | undefined
  for (const descriptor of manifests.filter(isImage)) {
    const score = descriptor.platform ? matchPlatform(wanted, descriptor.platform) : unknownPlatform
    if (score > (best?.score ?? 0)) best = { descriptor, score }
  }
  return best?.descriptor
}
