import { hasBlob, mountBlob } from './blobs.js'
import { downloadBlob } from './download.js'
import { getManifest, headManifest, putManifest } from './manifests.js'
import type { RepositoryContext } from './repository-request.js'
import { listTags } from './tags.js'
import type { Repository } from './types.js'
import { uploadBlob } from './upload.js'

/** A repository of a registry, by the distribution specification. */
export function openRepository(context: RepositoryContext): Repository {
  return {
    name: `${context.registry}/${context.path}`,
    manifest: (reference, options = {}) => getManifest(context, reference, options),
    manifestHead: (reference, options = {}) => headManifest(context, reference, options),
    putManifest: (reference, mediaType, bytes, options = {}) =>
      putManifest(context, reference, mediaType, bytes, options),
    tags: (options = {}) => listTags(context, options),
    blob: (blob, options = {}) => downloadBlob(context, blob, options),
    hasBlob: (digest, options = {}) => hasBlob(context, digest, options),
    mountBlob: (digest, from, options = {}) => mountBlob(context, digest, from, options),
    uploadBlob: (blob, read, options = {}) => uploadBlob(context, blob, read, options),
  }
}
