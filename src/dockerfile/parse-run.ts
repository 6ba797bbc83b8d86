import { Refusal } from './failure.js'
import { parseFlags } from './flags.js'
import { heredocOf, textOf } from './heredoc.js'
import { parseMountFlag } from './mount.js'
import { commandOf, type Input } from './parse-instruction.js'
import type { Heredoc, RunCommand, RunInstruction } from './types.js'

const runFlags = { mount: 'texts', network: 'text', security: 'text' } as const

export function parseRun({ source, flags, rest, heredocs }: Input): RunInstruction {
  const { mount = [], network = 'default', security = 'sandbox' } = parseFlags(flags, runFlags)
  if (network !== 'default' && network !== 'none' && network !== 'host')
    throw new Refusal(`invalid network mode ${JSON.stringify(network)}`)
  if (security !== 'sandbox' && security !== 'insecure')
    throw new Refusal(`security ${JSON.stringify(security)} is not valid`)
  const mounts = mount.map(parseMountFlag)
  return { ...source, kind: 'RUN', command: runCommand(rest, heredocs), heredocs, mounts, network, security }
}

/** A heredoc alone is the script itself; among other words it is the shell's to read. */
function runCommand(text: string, heredocs: readonly Heredoc[]): RunCommand {
  const [first] = heredocs
  if (!first) return commandOf(text)
  if (heredocOf(text)) {
    const content = textOf(first)
    return content.startsWith('#!') ? { form: 'file', name: first.name, content } : { form: 'shell', script: content }
  }
  const contents = heredocs.map(({ name, content }) => `\n${content}${name}`)
  return { form: 'shell', script: text + contents.join('') }
}
