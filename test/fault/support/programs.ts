import { writeSync } from 'node:fs'
import { failpoints } from '../../../src/errors/failpoint.js'
import { type Roots, scenario, User } from './scenario.js'

/** Tells the test, before anything else happens. */
function say(fact: unknown): void {
  writeSync(1, `${JSON.stringify(fact)}\n`)
}

export interface Point {
  readonly name: string
  /** At which of its calls, counted from 1. */
  readonly call: number
}

/** Has `action` happen at a call of a failpoint. */
export function arm({ name, call }: Point, action: () => void): void {
  let calls = 0
  failpoints.set(name, () => {
    if (++calls === call) action()
  })
}

interface Life {
  readonly roots: Roots
  readonly archives: User['archives']
  /** Where it ends by SIGKILL. */
  readonly point?: Point
}

/** The programs that run in processes of their own. */
export const programs = {
  /** The scenario; says `begin N` and `done N` of each step. */
  async scenario({ roots, archives, point }: Life) {
    if (point) arm(point, () => process.kill(process.pid, 'SIGKILL'))
    const user = new User(roots, archives)
    for (const [at, step] of scenario.entries()) {
      say({ begun: at })
      await step.act(user)
      say({ done: at })
    }
  },
}

export type Programs = typeof programs
