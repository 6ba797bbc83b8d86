/**
 * The engine, and what it gives.
 *
 * @module inboard
 */
export type { BuildEvent, BuildStep, PlanEvent, PullEvent } from './build/progress.js'
export type { ContainerAgentOptions } from './container/agent.js'
export type { Attachment, AttachOptions, ExitResult, StartAttachedOptions } from './container/attach.js'
export type { CommitOptions } from './container/commit.js'
export type { ContainerConnectOptions, ContainerTarget } from './container/connect.js'
export { Container } from './container/container.js'
export type { ContainerSize } from './container/context.js'
export type { ContainerArchiveOptions, ContainerCopyOptions, ContainerExtractOptions } from './container/copy.js'
export type { ContainerDispatcherOptions } from './container/dispatcher.js'
export type { ExecOptions, ExecProcess, ExecResult } from './container/exec.js'
export { ExecBuilder } from './container/exec-builder.js'
export type { ExecStartOptions } from './container/exec-created.js'
export type { Exec } from './container/exec-handle.js'
export type { ExecInspect } from './container/exec-inspect.js'
export type { ExportOptions } from './container/export.js'
export type { ContainerFs } from './container/fs/container-fs.js'
export type { ContainerDirent } from './container/fs/dirent.js'
export type { FileWatch } from './container/fs/file-watch.js'
export type {
  ContainerPath,
  FileChange,
  FileData,
  FileOptions,
  FileOwner,
  MakeDirectoryOptions,
  ReadDirectoryOptions,
  ReadFileOptions,
  RemoveFileOptions,
  WatchFilesOptions,
  WriteFileOptions,
  WriteFlag,
} from './container/fs/options.js'
export type { ContainerGraphDriver, ContainerInspect } from './container/inspect.js'
export type { InspectConfig } from './container/inspect-config.js'
export type { InspectHostConfig } from './container/inspect-host-config.js'
export type { InspectMount } from './container/inspect-mounts.js'
export type {
  InspectAddresses,
  InspectEndpoint,
  InspectHostPort,
  InspectNetworkSettings,
} from './container/inspect-network.js'
export type { ContainerHealth, ContainerState, ContainerStatus, HealthResult } from './container/inspect-state.js'
export type { InspectOptions } from './container/inspection.js'
export type { ContainerListenOptions } from './container/listen.js'
export type { LogEntry } from './container/log-entry.js'
export type { Logs } from './container/log-reader.js'
export type { LogsOptions } from './container/logs.js'
export { type ContainerPort, formatPorts, type HostPort, type PublishedPorts } from './container/ports.js'
export type { RemoveOptions } from './container/remove.js'
export { type OutputOptions, RunBuilder, type RunOutput, type RunRequest } from './container/run-builder.js'
export type { StatsOptions } from './container/stats.js'
export type {
  BlkioEntry,
  BlkioStats,
  CpuStats,
  MemoryStats,
  NetworkStats,
  StatsDocument,
} from './container/stats-document.js'
export type { ContainerStats } from './container/stats-figures.js'
export type { StopOptions } from './container/stop.js'
export type { ContainerProcesses } from './container/top.js'
export type { UpdateResult } from './container/update.js'
export type { WaitCondition, WaitOptions } from './container/wait.js'
export type { AwaitedState, WaitForOptions } from './container/wait-for.js'
export type { Readiness, WaitStrategy, WaitTarget } from './container/wait-strategy.js'
export type { Digest } from './content/digest.js'
export type { CheckResult } from './dockerfile/checks/check.js'
export type { Finding, Lines } from './dockerfile/types.js'
export { Autobuild, type WebhookHandler, type WebhookOptions } from './engine/autobuild.js'
export type { AutobuildBuildOptions, AutobuildEvent, AutobuildOptions } from './engine/autobuild-options.js'
export { BuildBuilder, type Built } from './engine/build-builder.js'
export type { BuildCacheRecord } from './engine/build-cache.js'
export type { PruneBuildCacheFilters, PruneBuildCacheOptions, PrunedBuildCache } from './engine/build-cache-prune.js'
export type { BuildAuth } from './engine/build-credentials.js'
export type { BuildOutput } from './engine/build-export.js'
export type {
  BuildInput,
  BuildLender,
  BuildLimits,
  BuildNetwork,
  BuildOptions,
  BuildRequest,
  CacheFromInput,
  CacheToInput,
  Entitlement,
  OutputInput,
  SecretInput,
  SshAgent,
  SshInput,
} from './engine/build-options.js'
export type {
  ContainerFilters,
  HealthFilter,
  PortFilter,
  PruneContainersFilters,
} from './engine/container-filters.js'
export type { PruneContainersOptions, PrunedContainers } from './engine/container-prune.js'
export type {
  ContainerMount,
  ContainerSummary,
  ContainerSummaryEndpoint,
  Containers,
  ListOptions,
} from './engine/containers.js'
export type {
  ContainerUsage,
  DiskUsage,
  DiskUsageOptions,
  DiskUsageType,
  UsageLine,
  VolumeUsage,
} from './engine/disk-usage.js'
export type { Diagnosis } from './engine/doctor.js'
export type { HostCheck, HostCheckName } from './engine/doctor-check.js'
export type { EventListener, EventName, EventNamed } from './engine/emitter.js'
export { Engine } from './engine/engine.js'
export type { EventsOptions } from './engine/events.js'
export type { Image } from './engine/image.js'
export type { Images, RegistryRequestOptions, SearchImagesOptions } from './engine/images.js'
export type { ImportSource } from './engine/import-source.js'
export type { EngineInfo } from './engine/info.js'
export type { RegistryConfig, RegistryIndex } from './engine/info-registries.js'
export type { LogDriver, LogDriverCall, LoggedContainer } from './engine/log-drivers.js'
export { type DisconnectOptions, Network } from './engine/network.js'
export { type NetworkBlueprint, NetworkBuilder } from './engine/network-builder.js'
export type { NetworkFilters, PruneNetworksFilters } from './engine/network-filters.js'
export type {
  NetworkInspect,
  NetworkInspectContainer,
  NetworkIpam,
  NetworkIpamConfig,
} from './engine/network-inspect.js'
export type {
  ListNetworksOptions,
  NetworkSummary,
  Networks,
  PruneNetworksOptions,
} from './engine/networks.js'
export type { Operation } from './engine/operation.js'
export type { EngineOptions } from './engine/options.js'
export type { Pruned, PruneFilters, PruneOptions } from './engine/prune-system.js'
export type { PullOptions } from './engine/pull.js'
export type { PushListOptions, PushOptions } from './engine/push.js'
export type { RestoreResult } from './engine/restore.js'
export { Scope } from './engine/scope.js'
export { Snapshot } from './engine/snapshot.js'
export type { TakeSnapshotOptions } from './engine/snapshot-capture.js'
export type { SnapshotInspect, SnapshotVolumeInspect } from './engine/snapshot-inspect.js'
export { type LoadSnapshotOptions, type SnapshotSummary, Snapshots } from './engine/snapshots.js'
export type { SystemdUnitOptions } from './engine/systemd-unit.js'
export type { EngineVersion, VersionComponent } from './engine/version.js'
export type { InspectVolumeOptions, RemoveVolumeOptions, Volume } from './engine/volume.js'
export type { VolumeBlueprint, VolumeBuilder } from './engine/volume-builder.js'
export type { CloneVolumeOptions, SnapshotVolumeOptions } from './engine/volume-clones.js'
export type { CopiedFiles } from './engine/volume-files.js'
export type { PruneVolumesFilters, VolumeFilters } from './engine/volume-filters.js'
export type { VolumeInspect, VolumeUsageData } from './engine/volume-inspect.js'
export type { CreateVolumeOptions } from './engine/volume-request.js'
export type {
  ListVolumesOptions,
  PrunedVolumes,
  PruneVolumesOptions,
  VolumeList,
  VolumeSummary,
  Volumes,
} from './engine/volumes.js'
export {
  AuthError,
  BuildError,
  CleanupError,
  ConflictError,
  ContextError,
  DigestMismatchError,
  type ErrorCode,
  type ErrorDetails,
  type ErrorInit,
  FileSystemError,
  InboardError,
  InvalidOptionError,
  InvalidStateError,
  LaunchError,
  LayerError,
  NotFoundError,
  RegistryError,
  StoreError,
  SyscallError,
  UnsupportedHostError,
  VolumeError,
} from './errors/index.js'
export type {
  BuilderAction,
  ContainerAction,
  EngineEvent,
  EventOf,
  ImageAction,
  NetworkAction,
  VolumeAction,
} from './events/event.js'
export type { EventFilters } from './events/filters.js'
export type { EventMessage } from './events/line.js'
export type { EventType } from './events/types.js'
export type {
  ArchiveSource,
  DistributionInspect,
  DistributionPlatform,
  FromHostOptions,
  HostFileInput,
  ImageFilters,
  ImageGraphDriver,
  ImageHistoryEntry,
  ImageInspect,
  ImageProgress,
  ImageSummary,
  ImageUsage,
  ImportOptions,
  LabelFilter,
  LayerProgress,
  LayerStatus,
  ListImagesOptions,
  LoadOptions,
  PrunedImages,
  PruneImagesOptions,
  PushedImage,
  RemovedItem,
  RemoveImageOptions,
  SavedArchive,
  SaveFormat,
  SaveOptions,
  SaveTarget,
} from './image/index.js'
export type { TarLimits } from './layer/index.js'
export type { AddressPoolOption } from './network/address-pools.js'
export type { CreateNetworkOptions } from './network/network-options.js'
export type {
  LoginOptions,
  RegistriesOptions,
  RegistryAuth,
  RegistryOptions,
  RequestOptions,
  SearchOptions,
  SearchResult,
} from './registry/types.js'
export type { ApiServer } from './server/api-server.js'
export type { ServeOptions, TcpOptions } from './server/options.js'
export type { Change } from './snapshot/index.js'
export type {
  ConnectOptions,
  Seccomp,
  SeccompAction,
  SeccompCondition,
  SeccompProfile,
  SeccompProfileRule,
  SeccompRule,
} from './spec/index.js'
export type { LogConfig, LogOptionsInput } from './spec/log.js'
export type {
  BindRecursion,
  DeviceRateInput,
  DeviceWeightInput,
  EnvInput,
  HealthcheckInput,
  ImageHealthcheck,
  ImageRunConfig,
  LinkInput,
  MountInput,
  NetworkInput,
  PortInput,
  Propagation,
  PullPolicy,
  RestartInput,
  RestartPolicy,
  RunOptions,
  VolumeMountOptions,
} from './spec/options.js'
export type { ExcludedMount } from './spec/snapshot-document.js'
export type { UpdateOptions } from './spec/update.js'
export type {
  TracedContainer,
  TracedCreation,
  TracedDownload,
  TracedExec,
  TracedExtraction,
  TracedPull,
  TracedRequest,
  TraceMessages,
  TraceName,
} from './tracing/index.js'
export type {
  ArchiveSource as VolumeArchiveSource,
  ExportTreeOptions as ExportVolumeOptions,
  ImportTreeOptions as ImportVolumeOptions,
} from './volume/archive.js'
export type { CopyInOptions } from './volume/copy-in.js'
export type { CopiedArchive, CopyOutOptions } from './volume/copy-out.js'
export type { PathStat } from './volume/copy-place.js'
export type { DriverVolume, VolumeDriver, VolumeDriverCall } from './volume/driver.js'
export type { PluginDirectories } from './volume/plugin-discovery.js'
