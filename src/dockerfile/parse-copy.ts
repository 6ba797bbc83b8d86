import { Refusal } from './failure.js'
import { parseFlags } from './flags.js'
import { heredocOf, textOf } from './heredoc.js'
import { jsonList, splitAll } from './instruction-text.js'
import type { Input } from './parse-instruction.js'
import type { AddInstruction, CopyInstruction, CopySource } from './types.js'

const shared = { chown: 'text', chmod: 'text', link: 'boolean', exclude: 'texts' } as const
const copyFlags = { ...shared, from: 'text', parents: 'boolean' } as const
const addFlags = { ...shared, checksum: 'text', 'keep-git-dir': 'boolean', unpack: 'boolean' } as const

export function parseCopy(input: Input): CopyInstruction {
  const words = wordsOf('COPY', input)
  const { from, parents = false, ...flags } = parseFlags(input.flags, copyFlags)
  return {
    ...input.source,
    kind: 'COPY',
    ...pathsOf('COPY', words, input),
    ...sharedOf(flags),
    parents,
    ...(from && { from: checkedFrom(from) }),
  }
}

export function parseAdd(input: Input): AddInstruction {
  const words = wordsOf('ADD', input)
  const { checksum, 'keep-git-dir': keepGitDir, unpack, ...flags } = parseFlags(input.flags, addFlags)
  return {
    ...input.source,
    kind: 'ADD',
    ...pathsOf('ADD', words, input),
    ...sharedOf(flags),
    ...(checksum && { checksum }),
    ...(keepGitDir !== undefined && { keepGitDir }),
    ...(unpack !== undefined && { unpack }),
  }
}

interface SharedFlags {
  readonly chown?: string
  readonly chmod?: string
  readonly link?: boolean
  readonly exclude?: readonly string[]
}

function sharedOf({ chown, chmod, link = false, exclude = [] }: SharedFlags) {
  return { link, exclude, ...(chown && { chown }), ...(chmod && { chmod }) }
}

function wordsOf(kind: string, { rest }: Input): string[] {
  const words = jsonList(rest) ?? splitAll(rest)
  if (words.length < 2)
    throw new Refusal(
      `${kind} requires at least two arguments, but only one was provided. Destination could not be determined`,
    )
  return words
}

function pathsOf(kind: string, words: readonly string[], { heredocs }: Input) {
  const destination = words.at(-1) as string
  const contents = new Map(heredocs.map((heredoc) => [heredoc.name, heredoc]))
  if (heredocOf(destination)) throw new Refusal(`${kind} cannot accept a heredoc as a destination`)
  const sources = words.slice(0, -1).map((word): CopySource => {
    const open = heredocOf(word)
    if (!open) return { kind: 'path', path: word }
    const content = contents.get(open.name)?.content ?? ''
    return { kind: 'heredoc', name: open.name, content: textOf({ ...open, content }), expand: open.expand }
  })
  return { sources, destination }
}

/** The graph of stages is known before any variable is. */
function checkedFrom(from: string): string {
  if (!/[$'"\\`]/.test(from)) return from
  throw new Refusal(
    'variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround',
  )
}
