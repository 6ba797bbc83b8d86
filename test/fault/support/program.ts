import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { build } from 'tsup'
import { afterAll } from 'vitest'
import type { Programs } from './programs.js'

const repository = fileURLToPath(new URL('../../../', import.meta.url))
const directory = `${repository}node_modules/.cache/inboard-fault-${process.pid}`
let bundled: Promise<string> | undefined

afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** The programs and the sources they run, in one file: it starts as fast as what users install. */
function bundle(): Promise<string> {
  bundled ??= build({
    config: false,
    silent: true,
    entry: {
      program: fileURLToPath(new URL('./main.ts', import.meta.url)),
      'layer-worker': `${repository}src/layer/layer-worker.ts`,
    },
    outDir: directory,
    format: 'esm',
    target: 'node20',
    platform: 'node',
    splitting: false,
  }).then(() => {
    writeFileSync(`${directory}/package.json`, '{"type":"module"}')
    return `${directory}/program.js`
  })
  return bundled
}

/** A program of a Node process of its own. */
export interface Running {
  readonly pid: number
  readonly process: ChildProcessWithoutNullStreams
  /** What it has said so far, in order. */
  readonly said: unknown[]
  /** Resolves when it has said so much. @throws when it ends before */
  hasSaid(count: number): Promise<void>
  /** Resolves when it and all that holds its streams has ended. `stderr`: for messages of failed tests. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null; stderr: string }>
}

/** Starts a program of `programs.ts`; `wrapper`: a command to be put in front of it, such as strace. */
export async function startProgram<Name extends keyof Programs>(
  name: Name,
  argument: Parameters<Programs[Name]>[0],
  wrapper: readonly string[] = [],
): Promise<Running> {
  const command = [...wrapper, process.execPath, await bundle(), name, JSON.stringify(argument)]
  const child = spawn(command[0] as string, command.slice(1), { stdio: 'pipe' })
  const said: unknown[] = []
  let stderr = ''
  const lines = createInterface({ input: child.stdout }).on('line', (line) => said.push(JSON.parse(line)))
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  const ended = new Promise<Awaited<Running['ended']>>((resolve) =>
    child.once('close', (code, signal) => resolve({ code, signal, stderr })),
  )
  const hasSaid = async (count: number) => {
    const over = ended.then(({ code, signal, stderr }) => `${name} ended with ${signal ?? code}: ${stderr}`)
    while (said.length < count) {
      const end = await Promise.race([once(lines, 'line').then(() => undefined), over])
      if (end !== undefined && said.length < count) throw new Error(end)
    }
  }
  return { pid: child.pid as number, process: child, said, hasSaid, ended }
}

/** Runs one to its end. @throws when it fails */
export async function runProgram<Name extends keyof Programs>(
  name: Name,
  argument: Parameters<Programs[Name]>[0],
  wrapper: readonly string[] = [],
): Promise<unknown[]> {
  const { said, ended } = await startProgram(name, argument, wrapper)
  const { code, signal, stderr } = await ended
  if (code !== 0) throw new Error(`${name} ended with ${signal ?? code}: ${stderr}`)
  return said
}
