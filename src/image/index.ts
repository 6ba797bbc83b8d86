export type { ArchiveSource } from './archive/source.js'
export type { FromHostOptions, HostFileInput } from './host/options.js'
export type { ImportOptions } from './import.js'
export type { ListImagesOptions } from './list.js'
export type { LoadOptions } from './load.js'
export { type ImageStore, type OpenImagesOptions, openImages } from './store.js'
export type {
  HistoryEntry,
  ImageContent,
  ImageLayer,
  ImageRecord,
  LoadedImage,
  LoadProgress,
  RemovedItem,
} from './types.js'
