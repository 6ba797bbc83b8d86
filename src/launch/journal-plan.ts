import type { PlanEvent } from '../events/plan-events.js'
import { moments, PlanWriter } from './protocol.gen.js'

/** What a supervisor tells, and where. */
export interface JournalPlan {
  readonly path: string
  readonly lock: string
  readonly maximumBytes: number
  readonly files: number
  readonly texts: readonly PlanEvent[]
}

export function writeJournal(plan: PlanWriter, { texts, ...journal }: JournalPlan): void {
  plan.journal(journal)
  writeTexts(plan, texts)
}

/** What a supervisor that runs tells from now on: the file `events` of its run directory. */
export function compileTexts(texts: readonly PlanEvent[]): Uint8Array {
  const plan = new PlanWriter()
  plan.section('container')
  writeTexts(plan, texts)
  return plan.finish({ mode: 'task' })
}

function writeTexts(plan: PlanWriter, texts: readonly PlanEvent[]): void {
  for (const { moment, text } of texts) plan.event({ moment: moments[moment], text })
}
