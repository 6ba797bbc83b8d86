import { InvalidOptionError } from '../errors/index.js'
import { type Column, columns, defaultWidth, defaultWidths } from './top-columns.js'

/** A column with the title it shall have. */
export interface TitledColumn {
  readonly title: string
  readonly width: number
  readonly column: Column
}

// ps' own formats; `UID` of a full list is the user's name.
const formats = {
  unix: 'pid tname time ucmd',
  bsd: 'pid tname stat bsdtime args',
  '-f': 'user=UID pid ppid c stime tname time cmd',
  '-F': 'user=UID pid ppid c sz rss psr stime tname time cmd',
  '-l': 'f s uid pid ppid c opri ni addr sz wchan tname time ucmd',
  '-j': 'pid pgid sid tname time ucmd',
  u: 'user pid pcpu pmem vsz rss tname stat start_time bsdtime args',
  l: 'f uid pid ppid priority ni vsz rss wchan stat tname bsdtime args',
  j: 'ppid pid pgid sid tname tpgid stat uid bsdtime args',
} as const

/** What the letters of the two styles mean: a format, or nothing where all of a container's processes are told anyway. */
const letters: Readonly<Record<'unix' | 'bsd', Readonly<Record<string, keyof typeof formats | 'all'>>>> = {
  unix: { A: 'all', e: 'all', a: 'all', d: 'all', w: 'all', f: '-f', F: '-F', l: '-l', j: '-j' },
  bsd: { a: 'all', x: 'all', w: 'all', u: 'u', l: 'l', j: 'j' },
}

/** What arguments ask for, as they are read. */
interface Request {
  style: 'unix' | 'bsd'
  format: keyof typeof formats | undefined
  readonly own: string[]
}

/**
 * The columns that arguments of ps ask for: `-ef`, `aux`, `-eo pid,user,args`, `-o pid=ID`.
 *
 * @throws {InvalidOptionError} INVALID_OPTION for what ps, or this version, does not know, or without a column PID
 */
export function parseTopArguments(text: string): TitledColumn[] {
  refuseFalsePid(text)
  const chosen = chosenColumns(text.split(/\s+/).filter(Boolean))
  if (chosen.some(({ title }) => title === 'PID')) return chosen
  throw invalid(text, "Couldn't find PID field in ps output", "add 'pid' to the columns")
}

/** What makes no sense with its dashes may without: ps takes `-aux` and `-x` so. */
function chosenColumns(words: readonly string[]): TitledColumn[] {
  try {
    return readWords(words)
  } catch (error) {
    try {
      return readWords(words.map((word) => word.replace(/^-(?=[^-])/, '')))
    } catch {
      throw error
    }
  }
}

function readWords(all: readonly string[]): TitledColumn[] {
  const request: Request = { style: 'unix', format: undefined, own: [] }
  const words = [...all]
  for (let word = words.shift(); word !== undefined; word = words.shift())
    if (word.startsWith('--')) readLong(request, word, words)
    else readLetters(request, word, words)
  return request.own.length > 0 ? ownColumns(request) : formatColumns(request.format ?? request.style)
}

/** Docker finds a container's processes by this title. */
function refuseFalsePid(text: string): void {
  for (const [, column = '', title = ''] of ` ${text}`.matchAll(/\s+(\S*)=\s*(PID\S*)/g))
    if (column !== 'pid') throw invalid(text, `specifying "${column}=${title}" is not allowed`, 'choose another title')
}

function readLetters(request: Request, word: string, words: string[]): void {
  const style = word.startsWith('-') ? 'unix' : 'bsd'
  if (style === 'bsd') request.style = 'bsd'
  const all = style === 'unix' ? word.slice(1) : word
  for (let at = 0; at < all.length; at++) {
    const letter = all.charAt(at)
    if (letter === 'o') {
      request.own.push(all.slice(at + 1) || operand(words, word))
      return
    }
    const meaning = letters[style][letter]
    if (meaning === undefined) throw unsupported(word, style === 'unix' ? `-${letter}` : letter)
    if (meaning !== 'all') request.format = meaning
  }
}

function readLong({ own }: Request, word: string, words: string[]): void {
  const [name, ...value] = word.split('=')
  if (name !== '--format') throw unsupported(word, word)
  own.push(value.length > 0 ? value.join('=') : operand(words, word))
}

function operand(words: string[], option: string): string {
  const next = words.shift()
  if (next !== undefined) return next
  throw invalid(option, 'ps: error: list of format specifiers must follow -o', "write it as in '-o pid,args'")
}

function ownColumns({ format, own }: Request): TitledColumn[] {
  if (format !== undefined) throw invalid(own.join(' '), 'ps: error: conflicting format options', 'give one of them')
  return own.flatMap((list) => columnTexts(list).map(toColumn))
}

function formatColumns(format: keyof typeof formats): TitledColumn[] {
  return formats[format].split(' ').map(toColumn)
}

/** A title goes on to the end, commas and all. */
function columnTexts(list: string): string[] {
  const equals = list.indexOf('=')
  if (equals < 0) return list.split(',').filter(Boolean)
  const before = list.slice(0, equals).split(',')
  return [...before.slice(0, -1), `${before.at(-1)}${list.slice(equals)}`]
}

function toColumn(text: string): TitledColumn {
  const [, name = '', width, title] = /^([^:=]*)(?::(\d+))?(?:=(.*))?$/s.exec(text) ?? []
  const column = columns.get(name)
  if (!column)
    throw invalid(
      text,
      `ps: error: unknown user-defined format specifier "${name || text}"`,
      `there are ${[...columns.keys()].join(', ')}`,
    )
  return { title: title ?? column.title, width: Number(width) || (defaultWidths.get(name) ?? defaultWidth), column }
}

function unsupported(word: string, option: string): InvalidOptionError {
  const known = "there are -A -a -d -e -f -F -j -l -w and -o, and without a dash a, x, u, j, l, w and o: '-ef', 'aux'"
  return invalid(word, `ps: error: unsupported option ${option}`, known)
}

function invalid(value: string, message: string, hint: string): InvalidOptionError {
  return new InvalidOptionError(`${message}: ${hint}`, {
    code: 'INVALID_OPTION',
    details: { option: 'psArgs', value },
  })
}
