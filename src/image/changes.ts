import {
  expandInstruction,
  GlobalScope,
  ImageDraft,
  type Instruction,
  parseInstructions,
  Scope,
} from '../dockerfile/index.js'
import { BuildError } from '../errors/index.js'
import type { ImageRunConfig } from '../spec/options.js'
import { invalidOption } from './image-errors.js'

const allowed: ReadonlySet<Instruction['kind']> = new Set<Instruction['kind']>([
  'CMD',
  'ENTRYPOINT',
  'ENV',
  'EXPOSE',
  'HEALTHCHECK',
  'LABEL',
  'ONBUILD',
  'STOPSIGNAL',
  'USER',
  'VOLUME',
  'WORKDIR',
])

/**
 * Applies the Dockerfile instructions of `docker import --change` and `docker commit --change` to a configuration: CMD,
 * ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME, WORKDIR, written as in a Dockerfile.
 * Variables in them are those of the configuration's environment.
 *
 * @throws {InvalidOptionError} `INVALID_OPTION`
 */
export function applyChanges(base: ImageRunConfig, changes: readonly string[]): ImageRunConfig {
  if (changes.length === 0) return base
  try {
    return changed(base, changes.join('\n'))
  } catch (error) {
    if (!(error instanceof BuildError)) throw error
    throw invalidOption(String(error.details.reason), { change: error.instruction ?? changes.join('\n') })
  }
}

function changed(base: ImageRunConfig, text: string): ImageRunConfig {
  const fragment = parseInstructions(text)
  const scope = new Scope(new GlobalScope(fragment), { env: base.Env ?? [] })
  const draft = new ImageDraft(base)
  for (const instruction of fragment.instructions) {
    const { kind, original } = instruction
    if (!allowed.has(kind))
      throw invalidOption(`${kind.toLowerCase()} is not a valid change command`, { change: original })
    draft.apply(expandInstruction(instruction, scope).instruction)
  }
  return draft.config
}
