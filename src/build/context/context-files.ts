import type { DigestedFiles } from '../../layer/index.js'
import type { TreeEntry } from './context-entry.js'

/** Where the files of a context are, and how they are read. Nobody trusts them. */
export interface ContextFiles {
  /** Of its root, as stat(2) has it. */
  readonly mode: number
  /** Whether nobody else can change them. */
  readonly isFixed: boolean
  /** What a directory has, packed as by `Native.scanDirectory`. No symlink is followed. */
  scan(path: string, maxEntries: number): Promise<Uint8Array>
  /**
   * Digests of files of scans.
   *
   * @param isLittle so little that no other thread is worth while
   */
  digest(paths: readonly string[], isLittle: boolean, signal: AbortSignal | undefined): Promise<DigestedFiles>
  /** The first bytes of a file of a scan. @throws {ContextError} CONTEXT_CHANGED */
  read(entry: TreeEntry, maxBytes: number): Buffer
  /** @throws {ContextError} CONTEXT_CHANGED when a file or symlink of these is not as it was when its directory was scanned */
  verifyUnchanged(entries: readonly TreeEntry[], maxEntries: number): Promise<void>
  /** A descriptor of a directory that has them; it is closed with them. */
  directory(): Promise<number>
  /** Removes what was made for the context alone. */
  close(): Promise<void>
}
