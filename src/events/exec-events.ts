import { containerEvent, type EventContainer } from './container-event.js'
import { lineHead } from './line.js'
import type { PlanEvent } from './plan-events.js'

/** The byte that stands for the value that a supervisor has. */
const value = '\u0001'

/** An exec's program and arguments in the actions of its events, as Docker writes them: of a program alone a space is left. */
export const execWords = ([program = '', ...words]: readonly string[]): string => `${program} ${words.join(' ')}`

/** What an exec's supervisor tells the journal. @param isTold of what it tells, that it was created */
export function execEvents(
  container: EventContainer,
  imageLabels: Readonly<Record<string, string>>,
  { id, command, isTold }: { readonly id: string; readonly command: readonly string[]; readonly isTold: boolean },
): PlanEvent[] {
  const words = execWords(command)
  const draft = (action: string) => containerEvent(container, imageLabels, action, { execID: id })
  return [
    ...(isTold ? [] : [{ moment: 'started', text: lineHead(draft(`exec_create: ${words}`)) } as const]),
    { moment: 'started', text: lineHead(draft(`exec_start: ${words}`)) },
    { moment: 'died', text: lineHead(draft('exec_die'), { attributes: { exitCode: value } }) },
  ]
}
