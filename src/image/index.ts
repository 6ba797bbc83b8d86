export { type ArchiveSource, sourceBytes } from './archive/source.js'
export { type TarEvent, tarEvents } from './archive/tar-events.js'
export type { SaveFormat } from './archive/write-archive.js'
export type { BuiltImage, RecordBuiltRequest } from './built.js'
export type { WriteBuiltRequest, WrittenBuild } from './built-archive.js'
export type { ExportedFiles } from './built-files.js'
export type { CommitImageRequest } from './commit.js'
export { type DistributionInspect, type DistributionPlatform, inspectDistribution } from './distribution.js'
export { parseConfig } from './documents/config.js'
export {
  formatPlatform,
  hostPlatform,
  matchesPlatform,
  parsePlatform as parseImagePlatform,
} from './documents/platform.js'
export type { ImageHistoryEntry } from './history.js'
export type { FromHostOptions, HostFileInput } from './host/options.js'
export type { ImportOptions } from './import.js'
export type { ImageGraphDriver, ImageInspect } from './inspect.js'
export type { LabelFilter } from './labels.js'
export type { ImageFilters, ImageSummary, ListImagesOptions } from './list.js'
export type { LoadHiddenRequest, LoadOptions } from './load.js'
export type { ImageProgress, LayerProgress, LayerStatus } from './progress.js'
export { throttled } from './progress.js'
export type { PrunedImages, PruneImagesOptions } from './prune.js'
export type { PulledImage } from './pull.js'
export { resolveManifest } from './pull-manifest.js'
export type { PushedImage } from './push.js'
export type { RemoveImageOptions } from './remove.js'
export { type SavedArchive, type SaveOptions, writeCounted } from './save.js'
export type { SaveTarget } from './save-target.js'
export { blobPath } from './step-layout.js'
export type { LayerOrigin } from './step-transfer.js'
export type { FoundStep, ImageSteps, RecordedStep, StepLayer } from './steps.js'
export { type ImageStore, type OpenImagesOptions, openImages } from './store.js'
export type {
  HistoryEntry,
  ImageContent,
  ImageLayer,
  ImageRecord,
  LoadedImage,
  RemovedItem,
} from './types.js'
export type { ImageUsage } from './usage.js'
