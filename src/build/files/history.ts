import type { AddInstruction, CopyInstruction } from '../../dockerfile/index.js'

/** What BuildKit writes into an image's history. */
export function historyOf(instruction: AddInstruction | CopyInstruction): string {
  const { kind, chown, chmod, sources, destination } = instruction
  const words: string[] = [kind]
  if (kind === 'COPY' && instruction.parents) words.push('--parents')
  if (chown !== undefined) words.push(`--chown=${chown}`)
  if (chmod !== undefined) words.push(`--chmod=${chmod}`)
  for (const source of sources) if (source.kind === 'path') words.push(source.path)
  for (const source of sources) if (source.kind === 'heredoc') words.push(`<<${source.name}`)
  return `${[...words, destination].join(' ')} # buildkit`
}
