import { moments, PlanWriter } from './protocol.gen.js'

/** A line of the journal of events for a moment, without its time; byte 1 in it stands for the moment's value. */
export interface MomentText {
  readonly moment: keyof typeof moments
  readonly text: string
}

/** What a supervisor tells, and where. */
export interface JournalPlan {
  readonly path: string
  readonly lock: string
  readonly maximumBytes: number
  readonly files: number
  readonly texts: readonly MomentText[]
}

export function writeJournal(plan: PlanWriter, { texts, ...journal }: JournalPlan): void {
  plan.journal(journal)
  writeTexts(plan, texts)
}

/** What a supervisor that runs tells from now on: the file `events` of its run directory. */
export function compileTexts(texts: readonly MomentText[]): Uint8Array {
  const plan = new PlanWriter()
  plan.section('container')
  writeTexts(plan, texts)
  return plan.finish({ mode: 'task' })
}

function writeTexts(plan: PlanWriter, texts: readonly MomentText[]): void {
  for (const { moment, text } of texts) plan.event({ moment: moments[moment], text })
}
