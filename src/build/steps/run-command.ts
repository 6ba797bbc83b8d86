import { posix } from 'node:path'
import type { RunCommand } from '../../dockerfile/index.js'
import { BuildError } from '../../errors/index.js'

const defaultShell: readonly string[] = ['/bin/sh', '-c']

/** Where a heredoc that is a program of its own is found. */
const scripts = '/dev/pipes'

/** A program that the Dockerfile has. */
export interface Script {
  readonly path: string
  readonly content: string
}

/** What RUN executes. */
export interface RunProgram {
  readonly args: readonly string[]
  /** What `args` name, if it is no file of the image's. */
  readonly script?: Script
}

/**
 * @param shell SHELL, if there was one
 * @throws {BuildError} DOCKERFILE_INVALID for an empty list, in BuildKit's words
 */
export function programOf(command: RunCommand, shell: readonly string[] | undefined = defaultShell): RunProgram {
  switch (command.form) {
    case 'exec':
      if (command.args.length === 0) throw new BuildError('arguments are required', { code: 'DOCKERFILE_INVALID' })
      return { args: command.args }
    case 'shell':
      return { args: [...shell, command.script] }
    case 'file': {
      // A name is a name: it does not lead out of the directory.
      const path = `${scripts}/${posix.basename(posix.join('/', command.name)) || 'script'}`
      return { args: [...shell, path], script: { path, content: command.content } }
    }
  }
}

/** As BuildKit has it in an image's history. @param args ARGs: `NAME=value` */
export function describeRun(program: RunProgram, args: readonly string[]): string {
  const variables = args.length === 0 ? [] : [`|${args.length}`, ...args]
  return `RUN ${[...variables, ...program.args].join(' ')} # buildkit`
}
