import type { Entries } from '../archives.js'

/** A file of a context; a text is a file's content. */
export type ContextFile =
  | string
  | {
      readonly content?: string
      /** The file's bytes as base64. */
      readonly base64?: string
      /** What the file is a tar of. */
      readonly archive?: Entries
      /** Default 0644, of directories 0755. */
      readonly mode?: number
      /** A symlink's target. */
      readonly link?: string
      /** The path in the context of a file that this is another name of. */
      readonly same?: string
      readonly directory?: true
      readonly fifo?: true
      /** Seconds. Default {@link contextTime}. */
      readonly mtime?: number
    }

/** A Dockerfile whose image is compared with the one that Docker's classic builder made of it. */
export interface BuildCase {
  readonly name: string
  /** Stages begin with `FROM corpus`, the busybox of the tests. */
  readonly dockerfile: string
  readonly files?: Readonly<Record<string, ContextFile>>
  readonly buildArgs?: Readonly<Record<string, string>>
  readonly target?: string
  /** Where the Dockerfile is in the context. Default `Dockerfile`. */
  readonly file?: string
  /** Images that are built first, with no context, by their names. */
  readonly parents?: Readonly<Record<string, string>>
}

export type BuildGroup = Readonly<Record<string, Omit<BuildCase, 'name'> | string>>

/** Of all files of a context that say nothing else: 2001-09-09. */
export const contextTime = 1_000_000_000

/** A group's cases; a text is a Dockerfile without anything beside it, and without its first line. */
export function casesOf(group: BuildGroup): BuildCase[] {
  return Object.entries(group).map(([name, one]) =>
    typeof one === 'string' ? { name, dockerfile: `FROM corpus\n${one}\n` } : { name, ...one },
  )
}
