import { readFileSync } from 'node:fs'
import type { Reporter, TestModule, Vitest } from 'vitest/node'

const list = new URL('expected-skips.txt', import.meta.url)

/**
 * Fails the run when a test is skipped that `expected-skips.txt` does not name: what a host cannot show is a named skip,
 * and the list may only grow on purpose.
 */
export default class SkipReporter implements Reporter {
  private vitest: Vitest | undefined

  onInit(vitest: Vitest): void {
    this.vitest = vitest
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    // `-t` skips all that it does not select.
    if (this.vitest?.config.testNamePattern) return
    const expected = readExpected()
    const unexpected = modules.flatMap(skippedTests).filter((name) => !expected.has(name))
    if (unexpected.length === 0) return
    process.exitCode = 1
    this.vitest?.logger.error(`Skipped, but not named in test/support/expected-skips.txt:\n${unexpected.join('\n')}\n`)
  }
}

function skippedTests(module: TestModule): string[] {
  return [...module.children.allTests('skipped')].map((test) => `${module.relativeModuleId} > ${test.fullName}`)
}

function readExpected(): Set<string> {
  const lines = readFileSync(list, 'utf8').split('\n')
  return new Set(lines.filter((line) => line !== '' && !line.startsWith('#')))
}
