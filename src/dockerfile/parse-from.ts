import { Refusal } from './failure.js'
import { parseFlags } from './flags.js'
import { splitAll } from './instruction-text.js'
import type { Input } from './parse-instruction.js'
import type { Stage } from './types.js'

/** FROM; what belongs to the stage is still to come. */
export function parseFrom({ source, flags, rest }: Input): Omit<Stage, 'instructions'> {
  const words = splitAll(rest)
  const [base = '', as = '', writtenName = ''] = words
  const isNamed = words.length === 3 && as.toLowerCase() === 'as'
  if (!isNamed && words.length !== 1) throw new Refusal('FROM requires either one or three arguments')
  const name = writtenName.toLowerCase()
  if (isNamed && !/^[a-z][a-z0-9-_.]*$/.test(name))
    throw new Refusal(
      `invalid name for build stage: ${JSON.stringify(writtenName)}, name can't start with a number or contain symbols`,
    )
  const { platform } = parseFlags(flags, { platform: 'text' })
  const comment = descriptionOf(name, source.comments)
  return {
    ...source,
    kind: 'FROM',
    base,
    ...(isNamed && { name, writtenName, as }),
    ...(platform && { platform }),
    ...(comment !== undefined && { comment }),
  }
}

/** `# NAME what it is` */
function descriptionOf(name: string, comments: readonly string[]): string | undefined {
  if (name === '') return undefined
  return comments.find((comment) => comment.startsWith(`${name} `))?.slice(name.length + 1)
}
