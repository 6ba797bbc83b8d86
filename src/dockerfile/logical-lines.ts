import { commentOf } from './directives.js'
import { at, Refusal } from './failure.js'
import { heredocsIn, type OpenHeredoc } from './heredoc.js'
import { limits } from './limits.js'
import { type LineReader, withoutEnd } from './line-reader.js'
import type { EscapeToken, Finding, Heredoc, Source } from './types.js'

/** An instruction's text, before it is known to be one. */
export interface LogicalLine extends Omit<Source, 'keyword' | 'original'> {
  readonly text: string
  readonly heredocs: readonly Heredoc[]
}

/** Joins the lines of a file to instructions, and takes heredocs from between them. */
export class LogicalLines {
  readonly #reader: LineReader
  readonly #token: EscapeToken
  readonly #file: string
  readonly warnings: Finding[] = []
  #heredocs = 0
  #lines = 0

  constructor(reader: LineReader, token: EscapeToken, file: string) {
    this.#reader = reader
    this.#token = token
    this.#file = file
  }

  *[Symbol.iterator](): Generator<LogicalLine> {
    let comments: string[] = []
    for (;;) {
      const line = this.#take()
      if (line === undefined) return
      const comment = commentOf(line)
      const text = withoutEnd(line).trimStart()
      if (comment) comments.push(comment)
      // An empty line, or an empty comment, parts a comment from what follows.
      if (comment === '' || text === '') comments = []
      if (comment !== undefined || text === '') continue
      yield this.#join(text, comments)
      comments = []
    }
  }

  #join(start: string, comments: readonly string[]): LogicalLine {
    const first = this.#reader.number
    const parts: string[] = []
    let open = this.#append(parts, start)
    let hasEmptyLine = false
    while (open) {
      const line = this.#take()
      if (line === undefined) break
      if (commentOf(line) !== undefined) continue
      const text = withoutEnd(line)
      if (text.trim() === '') hasEmptyLine = true
      else open = this.#append(parts, text)
    }
    const last = this.#reader.number
    const text = parts.join('')
    const source = { lines: { first, last }, original: text }
    if (hasEmptyLine) this.#warn(last)
    return at({ file: this.#file, source }, 'parse', () => {
      if (++this.#lines > limits.instructions) throw new Refusal(`more than ${limits.instructions} instructions`)
      const heredocs = heredocsIn(text, this.#token).map((heredoc) => this.#content(heredoc))
      return { text, lines: { first, last: this.#reader.number }, comments, heredocs }
    })
  }

  /** Whether the line goes on with the next. */
  #append(parts: string[], line: string): boolean {
    const text = withoutBlanks(line)
    const isOpen = text.endsWith(this.#token) && text.at(-2) !== this.#token
    parts.push(isOpen ? text.slice(0, -1) : line)
    return isOpen
  }

  #content({ name, expand, stripTabs }: OpenHeredoc): Heredoc {
    if (++this.#heredocs > limits.heredocs) throw new Refusal(`more than ${limits.heredocs} heredocs`)
    const lines: string[] = []
    for (let line = this.#take(); line !== undefined; line = this.#take()) {
      const text = withoutEnd(line)
      const end = stripTabs ? text.replace(/^\t+/, '') : text
      if (end === name) return { name, content: lines.join(''), expand, stripTabs }
      lines.push(line)
    }
    throw new Refusal('unterminated heredoc')
  }

  #take(): string | undefined {
    const last = this.#reader.number + 1
    const source = { lines: { first: last, last }, original: '' }
    return at({ file: this.#file, source }, 'parse', () => this.#reader.take())
  }

  #warn(line: number): void {
    const lines = { first: line, last: line }
    this.warnings.push({ rule: 'NoEmptyContinuation', message: 'Empty continuation line', lines })
  }
}

function withoutBlanks(line: string): string {
  let end = line.length
  while (end > 0 && (line[end - 1] === ' ' || line[end - 1] === '\t')) end--
  return line.slice(0, end)
}
