import { invalidOption } from '../image-errors.js'
import type { HostFiles } from './host-files.js'

/** Whether a path is more than a path: it has `*`, `?`, `[`, or a backslash before what would be one of them. */
export function isPattern(path: string): boolean {
  return /[*?[\\]/.test(path)
}

/**
 * The paths of the host that match, sorted by their components. As with Go's filepath.Match, and so with Docker: `*` is
 * any run of characters but `/`, `?` any one of them, `[a-z]` and `[^a-z]` one of a set, and a backslash takes a special
 * character as it is. A component `**` is any number of directories, also none; it does not follow symlinks. Hidden files
 * are as any other.
 *
 * @throws {InvalidOptionError} `INVALID_OPTION` for a malformed pattern
 * @see https://pkg.go.dev/path/filepath#Match
 */
export function expandPattern(files: HostFiles, pattern: string): string[] {
  const parts = pattern.split('/').filter((part) => part !== '' && part !== '.')
  // `**/**` is one: each more would only walk the same directories again.
  const steps = parts
    .filter((part, at) => part !== '**' || parts[at - 1] !== '**')
    .map((part) => compilePart(part, pattern))
  return [...new Set(new Walk(files).from('', steps))]
}

/** One component: a name as it is, a test for names, or `**`. */
type Step = { readonly name: string } | { readonly test: RegExp } | 'any'

class Walk {
  readonly #files: HostFiles

  constructor(files: HostFiles) {
    this.#files = files
  }

  *from(directory: string, [step, ...rest]: readonly Step[]): Generator<string, void, undefined> {
    if (step === undefined) {
      yield directory === '' ? '/' : directory
    } else if (step === 'any') {
      if (rest.length > 0 || this.#isDirectory(directory)) yield* this.from(directory, rest)
      // A directory is taken with all that is in it: there is nothing to look for further down.
      if (rest.length > 0) yield* this.#below(directory, rest)
    } else if ('name' in step) {
      const path = `${directory}/${step.name}`
      if (this.#exists(path)) yield* this.from(path, rest)
    } else {
      for (const name of this.#list(directory)) if (step.test.test(name)) yield* this.from(`${directory}/${name}`, rest)
    }
  }

  *#below(directory: string, rest: readonly Step[]): Generator<string, void, undefined> {
    for (const name of this.#list(directory)) {
      const path = `${directory}/${name}`
      if (this.#files.stat(path)?.isDirectory()) yield* this.from(path, ['any', ...rest])
    }
  }

  #list(directory: string): string[] {
    const real = this.#files.realpath(directory)
    return real !== undefined && this.#files.stat(real)?.isDirectory() ? this.#files.list(real) : []
  }

  #isDirectory(path: string): boolean {
    const real = this.#files.realpath(path)
    return real !== undefined && this.#files.stat(real)?.isDirectory() === true
  }

  /** Also a symlink that leads nowhere. */
  #exists(path: string): boolean {
    const parent = this.#files.realpath(path.slice(0, path.lastIndexOf('/')))
    return (
      parent !== undefined &&
      this.#files.stat(`${parent === '/' ? '' : parent}${path.slice(path.lastIndexOf('/'))}`) !== undefined
    )
  }
}

function compilePart(part: string, pattern: string): Step {
  if (part === '**') return 'any'
  const isName = !/[*?[]/.test(part.replace(/\\./gs, ''))
  return isName ? { name: plain(part, pattern) } : { test: compileGlob(part, pattern) }
}

/** Go's path.Match. @throws {InvalidOptionError} `INVALID_OPTION` for a malformed `pattern`, of which `part` is one */
export function compileGlob(part: string, pattern = part): RegExp {
  let source = ''
  for (let rest = part; rest !== ''; ) {
    const [token, ...groups] =
      /^(?:\*+|\?|\[(?:(\^)|(?!\^))((?:\\.|[^\\\]])+)\]|\\(.)|[^\\[])/su.exec(rest) ?? malformed(pattern)
    source += tokenSource(token, groups, pattern)
    rest = rest.slice(token.length)
  }
  return new RegExp(`^${source}$`, 'su')
}

function tokenSource(
  token: string,
  [negation = '', set = '', escaped]: readonly (string | undefined)[],
  pattern: string,
): string {
  if (token.startsWith('*')) return '[^/]*'
  if (token === '?') return '[^/]'
  if (token.startsWith('[')) return `[${negation}${setSource(set, pattern)}]`
  return literal(escaped ?? token)
}

/** `a-zA-Z_`; a range that runs backwards matches nothing, as in Go. */
function setSource(set: string, pattern: string): string {
  let source = ''
  for (let rest = set; rest !== ''; ) {
    const [token, from = '', to] = /^(\\?.)(?:-(\\?.))?/su.exec(rest) ?? malformed(pattern)
    const [low, high] = [plain(from, pattern), to === undefined ? undefined : plain(to, pattern)]
    if (low === '-' && from !== '\\-') malformed(pattern)
    if (high === undefined) source += literal(low)
    else if ((low.codePointAt(0) as number) <= (high.codePointAt(0) as number))
      source += `${literal(low)}-${literal(high)}`
    rest = rest.slice(token.length)
  }
  return source
}

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`)
}

function plain(text: string, pattern: string): string {
  if (/(?<!\\)(?:\\\\)*\\$/.test(text)) malformed(pattern)
  return text.replace(/\\(.)/gs, '$1')
}

function malformed(pattern: string): never {
  throw invalidOption(`syntax error in pattern ${JSON.stringify(pattern)}`, { pattern })
}
