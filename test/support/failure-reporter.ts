import type { Reporter, TestModule, Vitest } from 'vitest/node'

interface Failure {
  readonly message?: string
  readonly stacks?: readonly { readonly file: string; readonly line: number }[]
}

/** A line for each failure before all of their details: what is shown of a long log may end with the first of these. */
export default class FailureReporter implements Reporter {
  private vitest: Vitest | undefined

  onInit(vitest: Vitest): void {
    this.vitest = vitest
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const lines = modules.flatMap((module) => [
      ...module.errors().map((error) => line(module, '', error)),
      ...[...module.children.allSuites()].flatMap((suite) =>
        suite.errors().map((error) => line(module, suite.fullName, error)),
      ),
      ...[...module.children.allTests('failed')].map((test) => line(module, test.fullName, test.result().errors?.[0])),
    ])
    if (lines.length > 0) this.vitest?.logger.log(`\n${lines.join('\n')}\n`)
  }
}

function line(module: TestModule, name: string, error: Failure | undefined): string {
  const at = error?.stacks?.at(-1)
  const where = at === undefined ? '' : ` (${at.file.split('/').at(-1)}:${at.line})`
  const message = error?.message?.split('\n').join(' ').slice(0, 800) ?? ''
  return `FAIL |${module.project.name}| ${module.relativeModuleId} > ${name}: ${message}${where}`
}
