import { type BuildGroupName, buildCases, buildGroups } from '../../../support/build-cases/index.js'
import type { BuildFact } from '../build-facts.js'
import { kindOf } from '../build-failures.js'
import type { OtherResult } from './difference.js'
import { fileDifferences } from './files.js'
import { languageDifferences } from './language.js'

const differences = [...languageDifferences, ...fileDifferences]

/** The cases of a group that we differ in. */
export function differencesOf(group: BuildGroupName): Readonly<Record<string, OtherResult>> {
  return Object.assign({}, ...differences.map(({ cases }) => cases[group] ?? {}))
}

/** What a case is to come to: what Docker made of it, or what it is explained to be instead. */
export function wantedOf(fact: BuildFact, other: OtherResult | undefined): unknown {
  const docker = fact.error === undefined ? fact : { error: kindOf(fact.error) }
  if (other === undefined) return docker
  if (other.error !== undefined || fact.error !== undefined) return other
  const { config, files, ...rest } = other
  return { ...docker, ...rest, config: { ...fact.config, ...config }, files: { ...fact.files, ...files } }
}

/** `499 of 604 equal, 105 differ as explained`: the tests hold that no more and no less do. */
export function shareOf(groups: readonly BuildGroupName[] = buildGroups): string {
  const sum = (count: (group: BuildGroupName) => number) => groups.reduce((total, group) => total + count(group), 0)
  const all = sum((group) => buildCases(group).length)
  const differing = sum((group) => Object.keys(differencesOf(group)).length)
  return `${all - differing} of ${all} equal (${(((all - differing) / all) * 100).toFixed(1)} %), ${differing} differ as explained`
}

/** Why they differ, and how many cases do for each reason. */
export function reasons(): string[] {
  return differences.map(({ reason, cases }) => {
    const count = Object.values(cases).reduce((total, group) => total + Object.keys(group).length, 0)
    return `${count}: ${reason}`
  })
}
