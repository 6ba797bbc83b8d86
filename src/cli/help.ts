import type { Command, Option } from './command.js'

/** What `inboard --help` says. */
export function overview(commands: readonly Command[]): string {
  const rows = commands.map(({ words, summary }) => [words.join(' '), summary] as const)
  return `Usage: inboard COMMAND [OPTIONS]

A container engine without a daemon: this serves its Docker Engine API, and looks after a root.

Commands:
${table(rows)}

inboard COMMAND --help tells of a command's options.
`
}

/** What `inboard COMMAND --help` says. */
export function helpOf({ words, summary, options, notes }: Command): string {
  const rows = Object.entries({ ...options, help }).map(
    ([name, option]) => [nameOf(name, option), option.help] as const,
  )
  return `Usage: inboard ${words.join(' ')} [OPTIONS]

${summary}

Options:
${table(rows)}
${notes ? `\n${notes}\n` : ''}`
}

const help: Option = { type: 'boolean', short: 'h', help: 'Tell this' }

const nameOf = (name: string, { short, value }: Option) =>
  `${short ? `-${short}, ` : '    '}--${name}${value ? ` ${value}` : ''}`

function table(rows: readonly (readonly [name: string, text: string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`).join('\n')
}
