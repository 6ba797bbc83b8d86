import { posix } from 'node:path'
import type { ImageHealthcheck, ImageRunConfig } from '../spec/options.js'
import type { ExpandedInstruction } from './expand.js'
import type { Command, Pair } from './types.js'

type Mutable<Value> = { -readonly [Key in keyof Value]: Value[Key] }

const defaultShell = ['/bin/sh', '-c']

/** An image's configuration in the making: each instruction changes what it is of. */
export class ImageDraft {
  readonly #config: Mutable<ImageRunConfig>
  readonly #env: Map<string, string>
  readonly #labels: Map<string, string>
  readonly #ports: Set<string>
  readonly #volumes: Set<string>
  readonly #triggers: string[]
  #author: string | undefined
  /** A command that was given here stays when an entrypoint follows. */
  #hasCommand = false

  /** @param base is not changed */
  constructor(base: ImageRunConfig) {
    this.#config = { ...base }
    this.#env = new Map((base.Env ?? []).map((variable) => [variable.split('=', 1)[0] as string, variable]))
    this.#labels = new Map(Object.entries(base.Labels ?? {}))
    this.#ports = new Set(Object.keys(base.ExposedPorts ?? {}))
    this.#volumes = new Set(Object.keys(base.Volumes ?? {}))
    this.#triggers = [...(base.OnBuild ?? [])]
  }

  /** Of MAINTAINER; undefined when there was none. */
  get author(): string | undefined {
    return this.#author
  }

  /** What the instructions have made of it so far. */
  get config(): ImageRunConfig {
    return {
      ...this.#config,
      ...(this.#env.size > 0 && { Env: [...this.#env.values()] }),
      ...(this.#labels.size > 0 && { Labels: Object.fromEntries(this.#labels) }),
      ...(this.#ports.size > 0 && { ExposedPorts: emptyObjects(this.#ports) }),
      ...(this.#volumes.size > 0 && { Volumes: emptyObjects(this.#volumes) }),
      ...(this.#triggers.length > 0 && { OnBuild: [...this.#triggers] }),
    }
  }

  /** What runs a command, when it is text. */
  words(command: Command): readonly string[] {
    if (command.form === 'exec') return command.args
    const shell = this.#config.Shell ?? defaultShell
    return command.script === '' ? shell : [...shell, command.script]
  }

  apply(instruction: ExpandedInstruction): void {
    switch (instruction.kind) {
      case 'CMD':
        this.#config.Cmd = this.words(instruction.command)
        this.#hasCommand = true
        return
      case 'ENTRYPOINT':
        this.#setEntrypoint(instruction.command)
        return
      case 'ENV':
        for (const { name, value } of instruction.pairs) this.#env.set(name, `${name}=${value}`)
        return
      case 'EXPOSE':
        for (const port of instruction.exposed) this.#ports.add(port)
        return
      case 'HEALTHCHECK':
        this.#config.Healthcheck = withoutZeros(instruction.health)
        return
      case 'LABEL':
        this.#setLabels(instruction.pairs)
        return
      case 'MAINTAINER':
        this.#author = instruction.value
        return
      case 'ONBUILD':
        this.#triggers.push(instruction.expression)
        return
      case 'SHELL':
        this.#config.Shell = instruction.shell
        return
      case 'STOPSIGNAL':
        this.#config.StopSignal = instruction.value
        return
      case 'USER':
        this.#config.User = instruction.value
        return
      case 'VOLUME':
        for (const volume of instruction.volumes) this.#volumes.add(volume)
        return
      case 'WORKDIR':
        this.#config.WorkingDir = directoryFrom(this.#config.WorkingDir, instruction.value)
        return
      case 'ADD':
      case 'ARG':
      case 'COPY':
      case 'RUN':
        return
    }
  }

  #setEntrypoint(command: Command): void {
    const words = this.words(command)
    const isEmpty = command.form === 'exec' ? words.length === 0 : command.script === ''
    if (isEmpty) delete this.#config.Entrypoint
    else this.#config.Entrypoint = words
    // What is in the way of the new entrypoint was meant for the old one.
    if (!this.#hasCommand) delete this.#config.Cmd
  }

  #setLabels(pairs: readonly Pair[]): void {
    for (const { name, value } of pairs) this.#labels.set(name, value)
  }
}

/** Where WORKDIR leads to from the directory before it. */
function directoryFrom(current: string | undefined, directory: string): string {
  const path = posix.join('/', directory.startsWith('/') ? '' : (current ?? ''), directory)
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

/** 0 is Docker's default, as nothing is. */
function withoutZeros(health: ImageHealthcheck): ImageHealthcheck {
  return Object.fromEntries(Object.entries(health).filter(([, value]) => value !== 0))
}

function emptyObjects(names: Iterable<string>): Record<string, object> {
  return Object.fromEntries(Array.from(names, (name) => [name, {}]))
}
