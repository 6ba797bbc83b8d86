#!/usr/bin/env node
import { parseArgs } from 'node:util'
import { type Command, Given } from './command.js'
import { doctor } from './doctor.js'
import { helpOf, overview } from './help.js'
import { info } from './info.js'
import { prune } from './prune.js'
import { serve } from './serve.js'
import { UsageError } from './usage-error.js'
import { version } from './version.js'

const commands: readonly Command[] = [serve, info, prune, doctor, version]

// Who reads no further, as head(1), is content.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
process.exitCode = await main(process.argv.slice(2))

/** @returns 0; 1 when what was asked for cannot be done; 2 when it cannot be understood */
async function main(words: readonly string[]): Promise<number> {
  const command = commands.find((one) => one.words.every((word, at) => words[at] === word))
  try {
    if (command) return await runCommand(command, words.slice(command.words.length))
    return general(words)
  } catch (error) {
    return report(error, command)
  }
}

function general(words: readonly string[]): number {
  const [first] = words
  if (first === '--version' || first === '-v') return print(version.banner())
  if (first === '--help' || first === '-h' || first === 'help') return print(overview(commands))
  if (first === undefined) throw new UsageError('a command is missing')
  throw new UsageError(`there is no command ${words.join(' ')}`)
}

async function runCommand(command: Command, words: readonly string[]): Promise<number> {
  const given = parsed(command, words)
  return given.flag('help') ? print(helpOf(command)) : command.run(given)
}

function parsed({ options }: Command, words: readonly string[]): Given {
  try {
    const { values } = parseArgs({ args: [...words], options: { ...options, help: { type: 'boolean', short: 'h' } } })
    return new Given(values)
  } catch (error) {
    if (!String((error as NodeJS.ErrnoException).code).startsWith('ERR_PARSE_ARGS')) throw error
    throw new UsageError((error as Error).message)
  }
}

function print(text: string): number {
  process.stdout.write(text)
  return 0
}

function report(error: unknown, command: Command | undefined): number {
  const name = ['inboard', ...(command?.words ?? [])].join(' ')
  if (error instanceof UsageError) {
    process.stderr.write(`${name}: ${error.message}\nSee ${name} --help\n`)
    return 2
  }
  // The engine's own errors say what to do; of others it helps to see where they come from.
  const isKnown = typeof (error as { code?: unknown }).code === 'string'
  process.stderr.write(`${name}: ${isKnown ? (error as Error).message : ((error as Error).stack ?? String(error))}\n`)
  return 1
}
