import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { TestEngine } from './engine.js'
import { engineProgram } from './engine-process.js'

const run = promisify(execFile)

/**
 * Runs the body of an async function, with an `engine` on the same root, in a Node process of its own that ends without
 * waiting for anything. What it returns comes back as JSON.
 */
export async function inAnotherProcess<T>({ directory }: TestEngine, body: string): Promise<T> {
  const whole = `
    const result = await (async () => {${body}})()
    await engine.close()
    process.stdout.write(JSON.stringify(result ?? null))
  `
  const roots = { root: `${directory}/root`, runRoot: `${directory}/run` }
  const { stdout } = await run(process.execPath, engineProgram(roots, whole))
  return JSON.parse(stdout)
}
