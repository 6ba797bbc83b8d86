/** What chmod(1) is told: a mode, or what is to be changed of one. */
export type ModeChange =
  | { readonly kind: 'set'; readonly mode: number }
  | { readonly kind: 'change'; readonly clauses: readonly ModeClause[] }

interface ModeClause {
  readonly operator: '+' | '-' | '='
  /** The bits of those that were named; of all when nobody was. */
  readonly who: number
  /** As they were written. */
  readonly permissions: string
}

const setuid = 0o4000
const setgid = 0o2000
const sticky = 0o1000
const anyone: Readonly<Record<string, number>> = { u: 0o4700, g: 0o2070, o: 0o0007, a: 0o6777 }
const letters: Readonly<Record<string, number>> = { r: 0o444, w: 0o222, x: 0o111 }
const shifts: Readonly<Record<string, number>> = { u: 6, g: 3, o: 0 }

/** Octal up to 07777, or symbolic: `u=rwX,go-w`. Undefined for what is neither. */
export function parseMode(text: string): ModeChange | undefined {
  if (/^[0-7]{1,12}$/.test(text)) {
    const mode = Number.parseInt(text, 8)
    return mode <= 0o7777 ? { kind: 'set', mode } : undefined
  }
  const clauses: ModeClause[] = []
  for (const part of text.split(',')) {
    const [, who = '', operations] = /^([ugoa]*)((?:[-+=][rwxXstugo]*)+)$/.exec(part) ?? []
    if (operations === undefined) return undefined
    const bits = who === '' ? (anyone.a as number) : [...who].reduce((sum, one) => sum | (anyone[one] as number), 0)
    for (const [, operator, permissions = ''] of operations.matchAll(/([-+=])([rwxXstugo]*)/g))
      clauses.push({ operator: operator as '+', who: bits, permissions })
  }
  return { kind: 'change', clauses }
}

/** The mode of a file after a change. */
export function changeMode(change: ModeChange | undefined, mode: number, isDirectory: boolean): number {
  if (change === undefined) return mode
  if (change.kind === 'set') return change.mode
  const isExecutable = isDirectory || (mode & 0o111) !== 0
  return change.clauses.reduce((now, clause) => apply(clause, now, isExecutable), mode)
}

function apply({ operator, who, permissions }: ModeClause, mode: number, isExecutable: boolean): number {
  const bits = [...permissions].reduce((sum, letter) => sum | bitsOf(letter, who, mode, isExecutable), 0)
  if (operator === '+') return mode | bits
  if (operator === '-') return mode & ~bits
  return (mode & ~who) | bits
}

function bitsOf(letter: string, who: number, mode: number, isExecutable: boolean): number {
  switch (letter) {
    case 'X':
      return isExecutable ? 0o111 & who : 0
    case 's':
      return (setuid | setgid) & who
    case 't':
      // What others may do has nothing to do with it.
      return (who & ~0o7) === 0 ? 0 : sticky
    case 'u':
    case 'g':
    case 'o':
      return (((mode >> (shifts[letter] as number)) & 0o7) * 0o111) & who
    default:
      return (letters[letter] as number) & who
  }
}
