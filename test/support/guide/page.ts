import { readFileSync } from 'node:fs'

/** A fenced block of code of a page. */
export interface Block {
  readonly language: string
  /** What stands behind the language: a file's name, `more`, `no-run: why`. */
  readonly info: string
  /** The line of the page that its first line is on, from 1. */
  readonly line: number
  readonly lines: readonly string[]
}

/** How a snippet of TypeScript is to be taken. */
export type SnippetMode =
  /** A scope of its own. */
  | 'run'
  /** Goes on in the scope of the one before it. */
  | 'more'
  /** Only type-checked. */
  | 'no-run'

const fence = /^(`{3,})\s*(\S*)\s*(.*)$/
/** A whole import, on one line or several. */
const importPattern = /^import\s[^;]*?['"][^'"]+['"]$/gm

/** The blocks of a page of markdown. */
export function blocksOf(path: string): Block[] {
  const blocks: Block[] = []
  let open: { fence: string; block: { language: string; info: string; line: number; lines: string[] } } | undefined
  for (const [index, line] of readFileSync(path, 'utf8').split('\n').entries()) {
    const [, marks = '', language = '', info = ''] = fence.exec(line) ?? []
    if (open) {
      if (marks === open.fence && language === '') open = void blocks.push(open.block)
      else open.block.lines.push(line)
    } else if (marks) open = { fence: marks, block: { language, info: info.trim(), line: index + 2, lines: [] } }
  }
  if (open) throw new Error(`${path}:${open.block.line}: the block has no end`)
  return blocks
}

/** A file that the page shows: `dockerfile app/Dockerfile`, `ts redis.test.ts`. */
export const fileNameOf = ({ info }: Block): string | undefined =>
  /^[\w./-]*\w$/.test(info) && info !== 'more' ? info : undefined

const isSnippet = (block: Block): boolean => block.language === 'ts' && fileNameOf(block) === undefined

/**
 * One module of all snippets of a page, each a function that `snippet` of the module `runner` is given. What is on a line of the page
 * is on the same line of the module, so that errors of the compiler and stacks tell where to look; the imports share the first line.
 */
export function moduleOf(path: string, blocks: readonly Block[], runner: string): string {
  const lines: string[] = []
  const imports = new Imports()
  const snippets = blocks.filter(isSnippet)
  for (const [index, block] of snippets.entries()) {
    const mode = modeOf(path, block)
    const [begin, end] = [block.line - 2, block.line - 1 + block.lines.length]
    const expected = expectedOf(block)
    if (mode === 'more') lines[begin] = `more(${block.line}, ${expected})`
    else lines[begin] = `snippet(${block.line}, ${mode === 'run'}, ${expected}, async () => {`
    for (const [offset, text] of imports.takenFrom(block.lines).entries()) lines[begin + 1 + offset] = text
    const next = snippets[index + 1]
    if (!next || modeOf(path, next) !== 'more') lines[end] = '})'
  }
  const text = Array.from({ length: lines.length }, (_, index) => lines[index] ?? '')
  // The first line of a page is its title.
  text[0] = `import { engine, more, snippet } from '${runner}'; ${imports.text()}; void [engine, more, snippet]`
  return `${text.join('\n')}\nexport {}\n`
}

function modeOf(path: string, { info, line }: Block): SnippetMode {
  if (info === '') return 'run'
  if (info === 'more') return 'more'
  if (/^no-run: ./.test(info)) return 'no-run'
  throw new Error(
    `${path}:${line}: a snippet is 'ts', 'ts more', 'ts FILE' or 'ts no-run: the reason', not 'ts ${info}'`,
  )
}

/** What `console.log(...) // → text` of a snippet promises, in order. */
function expectedOf({ lines }: Block): string {
  return JSON.stringify(lines.flatMap((line) => /\/\/ → (.*)$/.exec(line)?.[1]?.trim() ?? []))
}

/** Imports of several snippets as one: TypeScript wants them at the top, and each name once. */
class Imports {
  readonly #named = new Map<string, Set<string>>()
  readonly #others = new Set<string>()

  /** The lines without their imports, as many as before. */
  takenFrom(lines: readonly string[]): string[] {
    const text = lines.join('\n').replace(importPattern, (statement) => {
      this.#add(statement)
      return statement.replace(/[^\n]/g, '')
    })
    return text.split('\n')
  }

  #add(statement: string): void {
    const [, type, names, module] = /^import\s+(type\s+)?\{([^}]*)\}\s+from\s+('[^']+')$/s.exec(statement) ?? []
    if (names === undefined || module === undefined) return void this.#others.add(statement)
    const known = this.#named.get(module) ?? new Set()
    this.#named.set(module, known)
    for (const name of names.split(',').map((one) => one.trim())) if (name) known.add(type ? `type ${name}` : name)
  }

  text(): string {
    const named = [...this.#named].map(([module, names]) => {
      const values = [...names].filter((name) => !(name.startsWith('type ') && names.has(name.slice(5))))
      return `import { ${values.join(', ')} } from ${module}`
    })
    return [...named, ...this.#others].join('; ')
  }
}
