import { contextInvalid } from './context-errors.js'
import { clean, PatternError } from './go-path.js'
import { parseIgnoreFile, trimSpace } from './ignore-file.js'
import { compilePattern, type IgnorePattern } from './ignore-pattern.js'

/** What is known of a directory when its entries are looked at: which of the patterns match it or one of its parents. */
export interface IgnoreLevel {
  readonly matched: Uint8Array | undefined
}

export interface IgnoreVerdict {
  readonly isExcluded: boolean
  /** Of a directory: for its entries. */
  readonly level: IgnoreLevel
}

const included: IgnoreVerdict = { isExcluded: false, level: { matched: undefined } }
const excluded: IgnoreVerdict = { isExcluded: true, level: { matched: undefined } }

/**
 * What of a context is excluded. The last pattern that matches a path or one of its parents decides; what the parents match
 * is found on the way down, so a path is asked for with the level of its directory.
 *
 * A pattern that was not looked at for a directory, because it could not change the verdict, is afterwards not looked at for
 * it either: Docker's way, by which an exception in between decides.
 */
export class IgnoreRules {
  readonly #patterns: readonly IgnorePattern[]
  readonly #exceptions: readonly string[]

  private constructor(patterns: readonly IgnorePattern[]) {
    this.#patterns = patterns
    this.#exceptions = patterns.filter(({ isException }) => isException).map(({ text }) => text)
  }

  static readonly none = new IgnoreRules([])

  /** @throws {ContextError} CONTEXT_INVALID */
  static parse(content: Buffer): IgnoreRules {
    return IgnoreRules.of(parseIgnoreFile(content))
  }

  /** Of patterns as a file or `--exclude` has them. @throws {ContextError} CONTEXT_INVALID */
  static of(patterns: readonly string[]): IgnoreRules {
    return new IgnoreRules(patterns.map(trimSpace).filter(Boolean).map(compile))
  }

  /** These, then others. @throws {ContextError} CONTEXT_INVALID */
  with(patterns: readonly string[]): IgnoreRules {
    return new IgnoreRules([...this.#patterns, ...IgnoreRules.of(patterns).#patterns])
  }

  get hasExceptions(): boolean {
    return this.#exceptions.length > 0
  }

  get isEmpty(): boolean {
    return this.#patterns.length === 0
  }

  /**
   * @param parent the level of the directory that `path` is in; {@link rootLevel} at the top
   * @param isDirectory whether its level will be asked for
   */
  verdict(path: string, parent: IgnoreLevel, isDirectory: boolean): IgnoreVerdict {
    const count = this.#patterns.length
    if (count === 0) return included
    const matched = isDirectory ? new Uint8Array(count) : undefined
    let isExcluded = false
    // One that cannot change the verdict is not compared.
    for (let at = 0; at < count; at++) {
      const pattern = this.#patterns[at] as IgnorePattern
      const isInherited = parent.matched !== undefined && parent.matched[at] === 1
      if (!isInherited && (pattern.isException !== isExcluded || !pattern.matches(path))) continue
      if (matched !== undefined) matched[at] = 1
      isExcluded = !pattern.isException
    }
    if (matched === undefined) return isExcluded ? excluded : included
    return { isExcluded, level: { matched } }
  }

  /**
   * Whether an excluded directory is to be looked into: an exception begins with its path. One that reaches it by a wildcard
   * does not count, as in Docker.
   */
  reaches(directory: string): boolean {
    return this.#exceptions.some((text) => `${text}/`.startsWith(`${directory}/`))
  }

  /** Whether a path is excluded, when the context's root is not at hand. */
  excludes(path: string): boolean {
    let verdict: IgnoreVerdict = { isExcluded: false, level: rootLevel }
    const elements = path.split('/')
    for (const at of elements.keys()) verdict = this.verdict(elements.slice(0, at + 1).join('/'), verdict.level, true)
    return verdict.isExcluded
  }
}

export const rootLevel: IgnoreLevel = { matched: undefined }

function compile(text: string): IgnorePattern {
  const pattern = clean(text)
  if (pattern === '!') throw contextInvalid('error checking context: illegal exclusion pattern: "!"', { pattern: text })
  try {
    return compilePattern(pattern)
  } catch (error) {
    if (!(error instanceof PatternError)) throw error
    throw contextInvalid(`error checking context: ${error.message}: ${JSON.stringify(text)}`, { pattern: text }, error)
  }
}
