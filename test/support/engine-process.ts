import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { EngineOptions } from '../../src/index.js'

const built = fileURLToPath(new URL('../../dist/index.js', import.meta.url))

/** Arguments of Node for a program: the body of an async function that has an `engine` on the root, and does not close it. */
export function engineProgram({ root, runRoot, volumePluginDirectories }: EngineOptions, body: string): string[] {
  const program = `
    import { Engine } from ${JSON.stringify(built)}
    const engine = await Engine.open(${JSON.stringify({ root, runRoot, volumePluginDirectories })})
    await (async () => {${body}})()
  `
  return ['--input-type=module', '--eval', program]
}

/** Such a program in a process of its own, which ends when nothing keeps it, or is killed. */
export function startEngineProcess(roots: EngineOptions, body: string): ChildProcessByStdio<null, Readable, null> {
  return spawn(process.execPath, engineProgram(roots, body), { stdio: ['ignore', 'pipe', 'inherit'] })
}
