/** A path in a container: text, in which bytes that are not UTF-8 are lone surrogates U+DC80 to U+DCFF, or the bytes themselves. */
export type ContainerPath = string | Uint8Array

interface Abortable {
  /** Stops it; what was done stays. */
  readonly signal?: AbortSignal | undefined
}

/** Options of most methods of {@link ContainerFs}. */
export interface FileOptions extends Abortable {}

/** Who gets what is made, by number, as the container's programs see it. Default: root, or as its directory says (setgid). */
export interface FileOwner {
  readonly uid?: number | undefined
  readonly gid?: number | undefined
}

/** Options of {@link ContainerFs.readFile}. */
export interface ReadFileOptions<Encoding extends BufferEncoding | null | undefined = BufferEncoding | null | undefined>
  extends Abortable {
  /** Default: none, and the file's bytes are what is read. */
  readonly encoding?: Encoding
  /** A longer file is refused with EFBIG. Default 536,870,912: 512 MiB. */
  readonly maxBytes?: number | undefined
}

/** Options of {@link ContainerFs.writeFile} and {@link ContainerFs.appendFile}. */
export interface WriteFileOptions extends FileOwner, Abortable {
  /** Of text. Default `'utf8'`. */
  readonly encoding?: BufferEncoding | undefined
  /** Permissions of a file that is made; one that is there keeps its own, and its owner. Default 0o644. */
  readonly mode?: number | undefined
  /**
   * `'w'`: made, or emptied; `'a'`: made, or appended to; `'wx'`, `'ax'`: made, and EEXIST when something is there, be it a
   * symlink; `'r+'`: written over from its beginning, and ENOENT when nothing is there. Default `'w'`.
   */
  readonly flag?: WriteFlag | undefined
}

export type WriteFlag = 'w' | 'wx' | 'a' | 'ax' | 'r+'

/** What can be written: text, bytes, or several of them, one after the other. */
export type FileData =
  | string
  | NodeJS.ArrayBufferView
  | Iterable<string | NodeJS.ArrayBufferView>
  | AsyncIterable<string | NodeJS.ArrayBufferView>

/** Options of {@link ContainerFs.mkdir}. */
export interface MakeDirectoryOptions extends FileOwner, Abortable {
  /** Make what is missing on the way as well, and do nothing when it is there. Default false. */
  readonly recursive?: boolean | undefined
  /** Permissions of what is made. Default 0o755. */
  readonly mode?: number | undefined
}

/** Options of {@link ContainerFs.rm}. */
export interface RemoveFileOptions extends Abortable {
  /** Also a directory, with all that is in it. Default false. */
  readonly recursive?: boolean | undefined
  /** Do nothing when nothing is there. Default false. */
  readonly force?: boolean | undefined
}

/** Options of {@link ContainerFs.readdir}. */
export interface ReadDirectoryOptions<
  WithTypes extends boolean | undefined = boolean | undefined,
  Encoding extends 'utf8' | 'buffer' | undefined = 'utf8' | 'buffer' | undefined,
> extends Abortable {
  /** Entries that say what kind of file they are. Default false: names. */
  readonly withFileTypes?: WithTypes
  /** Also what is in its directories; symlinks are not followed. Default false. */
  readonly recursive?: boolean | undefined
  /** `'buffer'`: names as bytes. Default `'utf8'`. */
  readonly encoding?: Encoding
  /** More entries are refused with EFBIG. Default 1,000,000. */
  readonly maxEntries?: number | undefined
}

/** Options of {@link ContainerFs.watch}. */
export interface WatchFilesOptions extends Abortable {
  /** Also all that is in its directories, also those that are made later. Default false. */
  readonly recursive?: boolean | undefined
  /** How many events are kept for who does not read them. Default 2048. */
  readonly maxQueue?: number | undefined
  /** What becomes of more: `'ignore'`: they are dropped; `'throw'`: the loop fails. Default `'ignore'`. */
  readonly overflow?: 'ignore' | 'throw' | undefined
}

/** What has happened to a file, as `node:fs` tells it. */
export interface FileChange {
  /** `'rename'`: it was made, removed, or has another name; `'change'`: its content or attributes are others. */
  readonly eventType: 'rename' | 'change'
  /** From the directory that is watched; of a file that is watched its own name. */
  readonly filename: string
}
