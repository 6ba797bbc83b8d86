import type { ExpandedInstruction } from '../../dockerfile/index.js'
import { addStep } from './add.js'
import { copyStep } from './copy.js'
import { runStep } from './run.js'
import type { FilesystemStep, StepContext } from './step.js'
import { workdirStep } from './workdir.js'

/** What an instruction does to files; undefined when it only changes the configuration. */
export function createStep(
  instruction: ExpandedInstruction,
  context: StepContext,
): FilesystemStep | Promise<FilesystemStep> | undefined {
  switch (instruction.kind) {
    case 'ADD':
      return addStep(instruction, context)
    case 'COPY':
      return copyStep(instruction, context)
    case 'RUN':
      return runStep(instruction, context)
    case 'WORKDIR':
      return workdirStep(instruction, context)
    default:
      return undefined
  }
}
