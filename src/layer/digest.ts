import { digestFilesJob } from './digest-job.js'
import type { DigestedFiles, DigestFilesRequest } from './plain-jobs.js'
import { runJob } from './worker-pool.js'

/** Digests of files whose content nobody trusts, on a worker thread. Only regular files are opened. */
export function digestFiles(request: DigestFilesRequest, signal?: AbortSignal): Promise<DigestedFiles> {
  return runJob('digestFiles', request, { signal })
}

/** {@link digestFiles} on this thread: of few and small ones, for which a worker would take longer to start. */
export function digestFilesHere(request: DigestFilesRequest): DigestedFiles {
  return digestFilesJob(request, () => {})
}
