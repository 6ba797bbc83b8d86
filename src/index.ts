export type { Attachment, ExitResult } from './container/attach.js'
export { Container, type StopOptions } from './container/container.js'
export type { ExecOptions, ExecProcess, ExecResult } from './container/exec.js'
export { ExecBuilder } from './container/exec-builder.js'
export type { ContainerInspect, ContainerState, InspectConfig, InspectMount } from './container/inspect.js'
export type { Logs } from './container/log-reader.js'
export type { LogEntry, LogsOptions } from './container/logs.js'
export { type OutputOptions, RunBuilder, type RunOutput, type RunRequest } from './container/run-builder.js'
export type { Digest } from './content/digest.js'
export type { ContainerSummary, Containers, ListOptions } from './engine/containers.js'
export { Engine } from './engine/engine.js'
export type { Image, Images } from './engine/images.js'
export type { EngineOptions } from './engine/options.js'
export {
  AuthError,
  CleanupError,
  ConflictError,
  DigestMismatchError,
  type ErrorCode,
  type ErrorDetails,
  type ErrorInit,
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
} from './errors/index.js'
export type {
  ArchiveSource,
  FromHostOptions,
  HistoryEntry,
  HostFileInput,
  ImageContent,
  ImageLayer,
  ImageRecord,
  ImportOptions,
  ListImagesOptions,
  LoadOptions,
  LoadProgress,
  RemovedItem,
} from './image/index.js'
export type {
  Seccomp,
  SeccompAction,
  SeccompCondition,
  SeccompProfile,
  SeccompProfileRule,
  SeccompRule,
} from './spec/index.js'
export type { EnvInput, ImageRunConfig, MountInput, Propagation, RunOptions } from './spec/options.js'
