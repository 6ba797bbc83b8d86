export {
  type CacheDocument,
  type CachedLayer,
  type CachedStep,
  chainTo,
  inlineCache,
  maxCacheBytes,
  parseCacheDocument,
  parseInlineCache,
  writeCacheDocument,
} from './document.js'
export {
  type CacheBlob,
  cacheMediaType,
  inlineCacheField,
  parseCacheIndex,
  parseCacheManifest,
  writeCacheIndex,
  writeCacheManifest,
} from './manifest.js'
