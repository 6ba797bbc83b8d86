import { readDirectives } from './directives.js'
import { at, type Place, Refusal } from './failure.js'
import { splitInstruction } from './instruction-text.js'
import { LineReader } from './line-reader.js'
import { type LogicalLine, LogicalLines } from './logical-lines.js'
import { parseFrom } from './parse-from.js'
import { type Input, parseInstruction } from './parse-instruction.js'
import type { ArgInstruction, Directives, Dockerfile, EscapeToken, Finding, Instruction, Stage } from './types.js'

type Parsed = Instruction | Stage

interface Options {
  /** The name that errors have; `Dockerfile` by default. */
  readonly file?: string
}

/**
 * Reads a Dockerfile, as the current reference has it: directives, comments, line continuations, heredocs, and every
 * instruction with all its flags. What it costs is bounded, whoever wrote it.
 *
 * @throws {BuildError} `DOCKERFILE_INVALID`, with Docker's message and the line
 * @see https://docs.docker.com/reference/dockerfile/
 *
 * @example
 * ```ts
 * const { stages } = parseDockerfile('FROM alpine AS base\nRUN apk add curl')
 * stages[0]?.instructions[0]?.kind // 'RUN'
 * ```
 */
export function parseDockerfile(text: string | Uint8Array, { file = 'Dockerfile' }: Options = {}): Dockerfile {
  const { directives, instructions, warnings } = parseAll(text, file)
  const { metaArgs, stages } = at({ file }, 'parse', () => stagesOf(instructions, file))
  return { file, directives, metaArgs, stages, warnings }
}

/** Instructions without a stage. */
export interface Fragment extends Pick<Dockerfile, 'file' | 'directives' | 'metaArgs'> {
  readonly instructions: readonly Instruction[]
}

/**
 * Reads instructions without a stage: those of `docker commit --change`, or the triggers that an image has.
 *
 * @throws {BuildError} `DOCKERFILE_INVALID`
 */
export function parseInstructions(text: string, { file = 'Dockerfile' }: Options = {}): Fragment {
  const { directives, instructions } = parseAll(text, file)
  const inner = instructions.map((instruction) =>
    at({ file, source: instruction }, 'parse', () => {
      if (instruction.kind === 'FROM') throw new Refusal('FROM is not allowed here')
      return instruction
    }),
  )
  return { file, directives, metaArgs: [], instructions: inner }
}

function parseAll(text: string | Uint8Array, file: string) {
  const reader = at({ file }, 'parse', () => new LineReader(text))
  const directives = readTop(reader, file)
  const lines = new LogicalLines(reader, directives.escape, file)
  const instructions = Array.from(lines, (line) => parseLine(line, directives.escape, file))
  if (instructions.length === 0) at({ file }, 'parse', () => refuseEmpty())
  const warnings: readonly Finding[] = lines.warnings
  return { directives, instructions, warnings }
}

function refuseEmpty(): never {
  throw new Refusal('file with no instructions')
}

function readTop(reader: LineReader, file: string): Directives {
  try {
    return readDirectives(reader)
  } catch (error) {
    const line = reader.number + 1
    const place: Place = { file, source: { lines: { first: line, last: line }, original: '' } }
    return at(place, 'parse', () => {
      throw error
    })
  }
}

function parseLine(line: LogicalLine, token: EscapeToken, file: string): Parsed {
  const { lines, comments, heredocs } = line
  const original = line.text.trim()
  return at({ file, source: { lines, original } }, 'parse', () => {
    const parts = splitInstruction(original, token)
    const source = { lines, original, keyword: parts.keyword, comments }
    const input: Input = { ...parts, source, token, heredocs }
    return parts.keyword.toUpperCase() === 'FROM' ? { ...parseFrom(input), instructions: [] } : parseInstruction(input)
  })
}

function stagesOf(parsed: readonly Parsed[], file: string): Pick<Dockerfile, 'metaArgs' | 'stages'> {
  const metaArgs: ArgInstruction[] = []
  const stages: (Stage & { instructions: Instruction[] })[] = []
  for (const instruction of parsed) {
    const stage = stages.at(-1)
    if (instruction.kind === 'FROM') stages.push({ ...instruction, instructions: [] })
    else if (stage) stage.instructions.push(instruction)
    else if (instruction.kind === 'ARG') metaArgs.push(instruction)
    else
      at({ file, source: instruction }, 'parse', () => {
        throw new Refusal('no build stage in current context')
      })
  }
  if (stages.length === 0) throw new Refusal('dockerfile contains no stages to build')
  return { metaArgs, stages }
}
