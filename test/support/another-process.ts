import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { TestEngine } from './engine.js'

const run = promisify(execFile)
const built = fileURLToPath(new URL('../../dist/index.js', import.meta.url))

/**
 * Runs the body of an async function, with an `engine` on the same root, in a Node process of its own that ends without
 * waiting for anything. What it returns comes back as JSON.
 */
export async function inAnotherProcess<T>({ directory }: TestEngine, body: string): Promise<T> {
  const program = `
    import { Engine } from ${JSON.stringify(built)}
    const engine = await Engine.open(${JSON.stringify({ root: join(directory, 'root'), runRoot: join(directory, 'run') })})
    const result = await (async () => {${body}})()
    await engine.close()
    process.stdout.write(JSON.stringify(result ?? null))
  `
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program])
  return JSON.parse(stdout)
}
