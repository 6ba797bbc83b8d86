import { Refusal } from './failure.js'
import { refuseFlags } from './flags.js'
import {
  type InstructionText,
  jsonList,
  quotedWords,
  splitAll,
  splitInstruction,
  splitOnce,
} from './instruction-text.js'
import { parseAdd, parseCopy } from './parse-copy.js'
import { parseHealthcheck } from './parse-healthcheck.js'
import { parseRun } from './parse-run.js'
import { didYouMean } from './suggest.js'
import type {
  Argument,
  Command,
  CommandInstruction,
  EscapeToken,
  Heredoc,
  Instruction,
  OnbuildInstruction,
  Pair,
  PairsInstruction,
  Source,
  TextInstruction,
} from './types.js'

/** What the parser of an instruction is given. */
export interface Input extends InstructionText {
  readonly source: Source
  readonly token: EscapeToken
  readonly heredocs: readonly Heredoc[]
}

type Kind = Instruction['kind']
type Parser = (input: Input) => Instruction

const parsers: Readonly<Record<Kind, Parser>> = {
  ADD: parseAdd,
  ARG: (input) => ({ ...input.source, kind: 'ARG', args: argumentsOf(input) }),
  CMD: (input) => parseCommand('CMD', input),
  COPY: parseCopy,
  ENTRYPOINT: (input) => parseCommand('ENTRYPOINT', input),
  ENV: (input) => parsePairs('ENV', input),
  EXPOSE: (input) => ({
    ...input.source,
    kind: 'EXPOSE',
    ports: atLeastOne('EXPOSE', splitAll(flagless(input))).sort(),
  }),
  HEALTHCHECK: parseHealthcheck,
  LABEL: (input) => parsePairs('LABEL', input),
  MAINTAINER: (input) => parseText('MAINTAINER', input),
  ONBUILD: parseOnbuild,
  RUN: parseRun,
  SHELL: (input) => ({ ...input.source, kind: 'SHELL', shell: shellOf(input) }),
  STOPSIGNAL: (input) => parseText('STOPSIGNAL', input),
  USER: (input) => parseText('USER', input),
  VOLUME: (input) => ({ ...input.source, kind: 'VOLUME', volumes: volumesOf(input) }),
  WORKDIR: (input) => parseText('WORKDIR', input),
}

/** Every instruction but FROM. */
export function parseInstruction(input: Input): Instruction {
  const kind = input.keyword.toUpperCase()
  if (Object.hasOwn(parsers, kind)) return parsers[kind as Kind](input)
  const names = ['FROM', ...Object.keys(parsers)]
  const guess =
    input.keyword === kind
      ? didYouMean(kind, names)
      : didYouMean(
          kind.toLowerCase(),
          names.map((name) => name.toLowerCase()),
        )
  throw new Refusal(`unknown instruction: ${input.keyword}${guess}`)
}

/** JSON is executed as it is, everything else by the shell. */
export function commandOf(text: string): Command {
  const args = jsonList(text)
  return args ? { form: 'exec', args } : { form: 'shell', script: text }
}

/** The arguments of an instruction that has no flags. */
function flagless({ flags, rest }: Input): string {
  refuseFlags(flags)
  return rest
}

function parseCommand(kind: CommandInstruction['kind'], input: Input): CommandInstruction {
  return { ...input.source, kind, command: commandOf(flagless(input)) }
}

function parseText(kind: TextInstruction['kind'], input: Input): TextInstruction {
  // Docker looks at no flags of STOPSIGNAL, and takes them away all the same.
  if (kind !== 'STOPSIGNAL') refuseFlags(input.flags)
  if (input.rest === '') throw new Refusal(`${kind} requires exactly one argument`)
  return { ...input.source, kind, value: input.rest }
}

function parsePairs(kind: PairsInstruction['kind'], input: Input): PairsInstruction {
  const text = flagless(input)
  const words = atLeastOne(kind, quotedWords(text, input.token))
  const pairs = (words[0] as string).includes('=') ? words.map(pairOf) : [legacyPair(kind, text)]
  if (pairs.some(({ name }) => name === '')) throw new Refusal(`${kind} names can not be blank`)
  return { ...input.source, kind, pairs }
}

function pairOf(word: string): Pair {
  const equals = word.indexOf('=')
  if (equals < 0)
    throw new Refusal(`Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`)
  return { name: word.slice(0, equals), value: word.slice(equals + 1), legacy: false }
}

function legacyPair(kind: string, text: string): Pair {
  const [name, value] = splitOnce(text)
  if (value === undefined) throw new Refusal(`${kind} must have two arguments`)
  return { name, value, legacy: true }
}

function argumentsOf({ rest, token }: Input): Argument[] {
  return atLeastOne('ARG', quotedWords(rest, token)).map((word) => {
    const equals = word.indexOf('=')
    if (equals === 0) throw new Refusal('ARG names can not be blank')
    return equals < 0 ? { name: word } : { name: word.slice(0, equals), value: word.slice(equals + 1) }
  })
}

function volumesOf(input: Input): string[] {
  const text = flagless(input)
  const volumes = atLeastOne('VOLUME', jsonList(text) ?? splitAll(text)).map((volume) => volume.trim())
  if (volumes.includes('')) throw new Refusal('VOLUME specified can not be an empty string')
  return volumes
}

function shellOf(input: Input): string[] {
  const text = flagless(input)
  const shell = jsonList(text)
  if (!shell && text !== '') throw new Refusal(`SHELL requires the arguments to be in JSON form: ${text}`)
  return atLeastOne('SHELL', shell ?? [])
}

function parseOnbuild(input: Input): OnbuildInstruction {
  const { source, heredocs, token } = input
  const text = flagless(input)
  if (text === '') throw new Refusal('ONBUILD requires at least one argument')
  const inner = splitInstruction(text, token)
  const kind = inner.keyword.toUpperCase()
  if (kind === 'ONBUILD') throw new Refusal("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
  if (kind === 'FROM' || kind === 'MAINTAINER') throw new Refusal(`${kind} isn't allowed as an ONBUILD trigger`)
  const expression = [text, ...heredocs.map(({ name, content }) => `${content}${name}`)].join('\n')
  const trigger = triggerOf({ ...inner, source: { ...source, keyword: inner.keyword }, token, heredocs })
  return { ...source, kind: 'ONBUILD', expression, ...(trigger && { trigger }) }
}

/** What Docker cannot build later it does not refuse now, unless not even its words can be read. */
function triggerOf(input: Input): Instruction | undefined {
  try {
    return parseInstruction(input)
  } catch (error) {
    if (!(error instanceof Refusal) || /^(?:env|label)$/i.test(input.keyword)) throw error
    if (!/^healthcheck$/i.test(input.keyword)) jsonList(input.rest)
    return undefined
  }
}

function atLeastOne(kind: string, words: string[]): string[] {
  if (words.length === 0) throw new Refusal(`${kind} requires at least one argument`)
  return words
}
