/** Free-form, JSON-serialisable facts about a failure. */
export type ErrorDetails = Record<string, unknown>

/** Every code that an error of inboard can have, and the class that carries it. */
export const errorTable = {
  INVALID_OPTION: 'InvalidOptionError',
  INVALID_NAME: 'InvalidOptionError',
  INVALID_REFERENCE: 'InvalidOptionError',
  INVALID_ARCHIVE: 'InvalidOptionError',
  CONTAINER_NOT_FOUND: 'NotFoundError',
  EXEC_NOT_FOUND: 'NotFoundError',
  IMAGE_NOT_FOUND: 'NotFoundError',
  FILE_NOT_FOUND: 'NotFoundError',
  USER_NOT_FOUND: 'NotFoundError',
  CONTENT_NOT_FOUND: 'NotFoundError',
  NAME_IN_USE: 'ConflictError',
  IMAGE_IN_USE: 'ConflictError',
  CONTAINER_IN_USE: 'ConflictError',
  AMBIGUOUS_ID: 'ConflictError',
  /** An exec is started once. */
  EXEC_STARTED: 'ConflictError',
  INVALID_STATE: 'InvalidStateError',
  ENGINE_CLOSED: 'InvalidStateError',
  SCOPE_CLOSED: 'InvalidStateError',
  /** As many health checks as it takes have failed in a row; `details.output` of the last. */
  CONTAINER_UNHEALTHY: 'InvalidStateError',
  /** What was waited for did not come in time. */
  WAIT_TIMED_OUT: 'InvalidStateError',
  /** It has ended before it was ready; `details.exitCode`, `details.lastLog`, `details.attempts`. */
  CONTAINER_EXITED_EARLY: 'InvalidStateError',
  /** More connections to one container than its supervisor takes, for longer than ten seconds. */
  TOO_MANY_CLIENTS: 'InvalidStateError',
  /** The container's log is kept where it cannot be read, or nowhere. */
  LOGS_UNREADABLE: 'InvalidStateError',
  DIGEST_MISMATCH: 'DigestMismatchError',
  LAYER_INVALID: 'LayerError',
  LAYER_ESCAPES: 'LayerError',
  LAYER_TOO_LARGE: 'LayerError',
  SYSCALL_FAILED: 'SyscallError',
  LAUNCH_FAILED: 'LaunchError',
  PROGRAM_NOT_FOUND: 'LaunchError',
  PROGRAM_NOT_EXECUTABLE: 'LaunchError',
  UNSUPPORTED_HOST: 'UnsupportedHostError',
  STORE_TOO_NEW: 'UnsupportedHostError',
  STORE_BUSY: 'ConflictError',
  STORE_CORRUPT: 'StoreError',
  CLEANUP_FAILED: 'CleanupError',
  /** The registry answered with an error that has no code of its own here; `details.status`, `details.errors`. */
  REGISTRY_FAILED: 'RegistryError',
  /** No connection, a time-out, or 5xx after all retries. */
  REGISTRY_UNAVAILABLE: 'RegistryError',
  /** 429 after all retries. */
  REGISTRY_RATE_LIMITED: 'RegistryError',
  /** What the registry sent breaks the distribution specification, or a limit. */
  REGISTRY_INVALID: 'RegistryError',
  /** The registry has no such repository, tag or manifest. */
  MANIFEST_NOT_FOUND: 'RegistryError',
  /** The registry has no such blob. */
  BLOB_NOT_FOUND: 'RegistryError',
  /** The image is not offered for the platform. */
  PLATFORM_NOT_FOUND: 'NotFoundError',
  /** Credentials are missing or wrong. */
  UNAUTHORIZED: 'AuthError',
  /** The credentials do not allow this. */
  ACCESS_DENIED: 'AuthError',
  /** The credential file or a credential helper does not work. */
  CREDENTIALS_FAILED: 'AuthError',
  /** More layers than an image can have. */
  TOO_MANY_LAYERS: 'LayerError',
  /** Other images are built on this one. */
  IMAGE_HAS_CHILDREN: 'ConflictError',
  /** The address that was asked for belongs to something else on the network. */
  ADDRESS_IN_USE: 'ConflictError',
  /** No address of a network, or no subnet of the address pools, is free. */
  ADDRESSES_EXHAUSTED: 'ConflictError',
  /** The subnet that was asked for is, or is part of, another network's. */
  SUBNET_OVERLAPS: 'ConflictError',
  NETWORK_NOT_FOUND: 'NotFoundError',
  /** There is no driver of networks, or of their addresses, of that name. */
  NETWORK_DRIVER_NOT_FOUND: 'NotFoundError',
  /** Another network has the name. */
  NETWORK_EXISTS: 'ConflictError',
  /** Running containers are on it. */
  NETWORK_IN_USE: 'ConflictError',
  /** A predefined network cannot be made, removed, connected to or left in this way. */
  NETWORK_PREDEFINED: 'ConflictError',
  /** A bridge has as many ports as the kernel allows. */
  NETWORK_FULL: 'ConflictError',
  /** The container is on the network already. */
  ALREADY_CONNECTED: 'ConflictError',
  NOT_CONNECTED: 'ConflictError',
  /** The host leads none of its ports to this one of the container. */
  PORT_NOT_PUBLISHED: 'NotFoundError',
  /** A port of the host belongs to another container or program. */
  PORT_IN_USE: 'ConflictError',
  /** A linked container does not exist, or does not run. */
  LINK_FAILED: 'ConflictError',
  VOLUME_NOT_FOUND: 'NotFoundError',
  SNAPSHOT_NOT_FOUND: 'NotFoundError',
  /** Containers have it. */
  VOLUME_IN_USE: 'ConflictError',
  /** A volume of that name is kept by another driver. */
  VOLUME_EXISTS: 'ConflictError',
  SNAPSHOT_EXISTS: 'ConflictError',
  /** No driver, and no plugin, of that name. */
  VOLUME_DRIVER_NOT_FOUND: 'NotFoundError',
  /** A driver refused, failed, broke its protocol or did not answer in time. */
  VOLUME_DRIVER_FAILED: 'VolumeError',
  /** A volume's files cannot be mounted, filled or copied. */
  VOLUME_FAILED: 'VolumeError',
  /** A build context, its ignore file, or a path that is asked for in it is not acceptable. */
  CONTEXT_INVALID: 'ContextError',
  /** A build context has more, deeper or longer files than the limits allow. */
  CONTEXT_TOO_LARGE: 'ContextError',
  /** A file of a build context was changed while it was read: build again. */
  CONTEXT_CHANGED: 'ContextError',
  /** A build context cannot be had from its git repository or server. */
  CONTEXT_UNAVAILABLE: 'ContextError',
  /** A Dockerfile breaks the language, or a limit; `details.line`. */
  DOCKERFILE_INVALID: 'BuildError',
  /** A step of a build failed; `details.exitCode` and `details.output` of a program that did. */
  BUILD_FAILED: 'BuildError',
  /** A step asks for what the build was not allowed; `details.entitlement`. */
  BUILD_NOT_ALLOWED: 'BuildError',
  // What the kernel refuses of a container's files has the kernel's own name, as in `node:fs`: errno(3).
  EACCES: 'FileSystemError',
  EBUSY: 'FileSystemError',
  EDQUOT: 'FileSystemError',
  EEXIST: 'FileSystemError',
  EFBIG: 'FileSystemError',
  EINVAL: 'FileSystemError',
  EIO: 'FileSystemError',
  EISDIR: 'FileSystemError',
  ELOOP: 'FileSystemError',
  EMLINK: 'FileSystemError',
  ENAMETOOLONG: 'FileSystemError',
  ENOENT: 'FileSystemError',
  ENOSPC: 'FileSystemError',
  ENOTDIR: 'FileSystemError',
  ENOTEMPTY: 'FileSystemError',
  ENOTSUP: 'FileSystemError',
  EPERM: 'FileSystemError',
  EROFS: 'FileSystemError',
  ESTALE: 'FileSystemError',
  ETXTBSY: 'FileSystemError',
  EXDEV: 'FileSystemError',
} as const

export type ErrorCode = keyof typeof errorTable

export const retryableCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'STORE_BUSY',
  'REGISTRY_UNAVAILABLE',
  'REGISTRY_RATE_LIMITED',
])
