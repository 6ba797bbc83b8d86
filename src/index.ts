export type { Attachment, ExitResult } from './container/attach.js'
export { Container, type StopOptions } from './container/container.js'
export type { ExecOptions, ExecProcess, ExecResult } from './container/exec.js'
export { ExecBuilder } from './container/exec-builder.js'
export type { ContainerInspect, ContainerState } from './container/inspect.js'
export type { Logs } from './container/log-reader.js'
export type { LogEntry, LogsOptions } from './container/logs.js'
export { type OutputOptions, RunBuilder, type RunOutput } from './container/run-builder.js'
export type { ContainerSummary, ListOptions } from './engine/containers.js'
export { Engine } from './engine/engine.js'
export type { EngineOptions } from './engine/options.js'
export {
  CleanupError,
  ConflictError,
  DigestMismatchError,
  type ErrorCode,
  InboardError,
  InvalidOptionError,
  InvalidStateError,
  LaunchError,
  LayerError,
  NotFoundError,
  StoreError,
  SyscallError,
  UnsupportedHostError,
} from './errors/index.js'
export type { EnvInput, MountInput, RunOptions } from './spec/options.js'
