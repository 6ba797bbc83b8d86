import type { BuildGroupName } from '../../../support/build-cases/index.js'

/** What we make of a case: a failure, or what of configuration, author, history and files is unlike Docker's; undefined: not there. */
export interface OtherResult {
  readonly error?: string
  readonly config?: Readonly<Record<string, unknown>>
  readonly author?: string
  readonly history?: readonly string[]
  readonly files?: Readonly<Record<string, string | undefined>>
}

/** Where we differ from Docker's classic builder, and why. */
export interface Difference {
  readonly reason: string
  readonly cases: Partial<Readonly<Record<BuildGroupName, Readonly<Record<string, OtherResult>>>>>
}
