import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { makePackages } from './debian-packages.js'
import { type Followed, type Script, type Shown, type Step, stepsOf, type Target } from './docker-script.js'
import { Names, onScreen } from './docker-script-names.js'
import { imageArchive, imageTags, type TestImage } from './images.js'
import { tutorialPackages } from './tutorial-packages.js'

/** A step that takes longer hangs. */
const patienceMs = 30_000
const pollMs = 50

/** Follows a script to its end, in a directory of its own. */
export async function follow(script: Script, target: Target): Promise<Followed[]> {
  const directory = await mkdtemp('/tmp/ib-script-')
  try {
    await writeFiles(directory, script.files ?? {})
    if (script.packages) makePackages(join(directory, 'base/packages'), tutorialPackages)
    const env: Record<string, string> = {
      ...target.env,
      HOME: directory,
      DOCKER_CONFIG: join(directory, '.docker'),
      DOCKER_BUILDKIT: '0',
      LC_ALL: 'C.UTF-8',
      TZ: 'UTC',
    }
    const shell = new Shell(directory, env, target.prefix)
    for (const line of [...loading(script.images ?? {}), ...(script.before ?? [])]) await prepare(shell, line)
    const names = new Names({ ...target.places, [directory]: '<here>' })
    const followed: Followed[] = []
    for (const step of stepsOf(script)) followed.push(await take(shell, step, names))
    return followed
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Loads the images, and gives them the names that the tutorial knows them by. */
function* loading(images: Readonly<Record<string, TestImage>>): Generator<string> {
  for (const image of new Set(Object.values(images))) {
    const names = Object.keys(images).filter((name) => images[name] === image)
    yield `docker load --quiet --input ${imageArchive(image)}`
    for (const name of names) yield `docker tag ${imageTags[image]} ${name}`
    const wanted = names.some((name) => `${name}:latest` === imageTags[image] || name === imageTags[image])
    if (!wanted) yield `docker rmi ${imageTags[image]}`
  }
}

async function prepare(shell: Shell, line: string): Promise<void> {
  const { code, stdout, stderr } = await shell.run({ run: line })
  if (code !== 0) throw new Error(`${line}: ${code}\n${stdout}${stderr}`)
}

async function take(shell: Shell, step: Step, names: Names): Promise<Followed> {
  const began = performance.now()
  let shown = await shell.run(step)
  while (step.again && problemOf(step, shown) !== undefined && performance.now() - began < patienceMs) {
    await delay(pollMs)
    shown = await shell.run(step)
  }
  if (step.into !== undefined) shell.set(step.into, shown.stdout.trim())
  const problem = problemOf(step, shown)
  return { run: step.run, ...names.named(step, shown), ...(problem === undefined ? {} : { problem }) }
}

/** Why what a step has shown is not what the script says. */
function problemOf({ shows = [], hides, exits = 0, interrupted }: Step, shown: Shown): string | undefined {
  const all = `${shown.stdout}\n${shown.stderr}`
  const missing = [shows].flat().filter((what) => !what.test(all))
  const faults = [
    ...((exits === 'failure' ? shown.code !== 0 : shown.code === exits) || interrupted
      ? []
      : [`it exited with ${shown.code}, not ${exits}`]),
    ...missing.map((what) => `it did not show ${what}`),
    ...(hides?.test(all) ? [`it showed ${hides}`] : []),
  ]
  return faults.length === 0 ? undefined : `${faults.join('; ')}:\n${all}`
}

/** Runs commands one after the other; variables stay. */
class Shell {
  constructor(
    private readonly directory: string,
    private readonly env: Record<string, string>,
    private readonly prefix: readonly string[],
  ) {}

  set(name: string, value: string): void {
    this.env[name] = value
  }

  async run(step: Step): Promise<Shown> {
    const bash = ['bash', '-o', 'pipefail', '-c', step.run]
    // The terminal's size is what a program is told that asks for it.
    const terminal = ['script', '--quiet', '--return', '--command', `stty rows 24 cols 80; ${step.run}`, '/dev/null']
    const [program = '', ...args] = [...this.prefix, ...(step.terminal ? terminal : bash)]
    const child = spawn(program, args, {
      cwd: this.directory,
      env: { ...process.env, SHELL: '/bin/bash', ...this.env },
      detached: true,
    })
    const timer = setTimeout(() => signal(child, 'SIGKILL'), patienceMs)
    try {
      return await this.#finish(child, step)
    } finally {
      clearTimeout(timer)
    }
  }

  async #finish(child: ChildProcessWithoutNullStreams, step: Step): Promise<Shown> {
    const seen = new Seen(child)
    const closed = once(child, 'close')
    child.stdin.on('error', () => {})
    if (step.terminal === undefined) child.stdin.end(step.stdin ?? '')
    else await type(child, seen, step.terminal)
    if (step.interrupted) {
      const wanted = [step.shows ?? []].flat()
      await seen.until(() => seen.hasWholeLines && wanted.every((what) => what.test(seen.all)))
      signal(child, 'SIGINT')
    }
    const [code] = await closed
    return { code: code ?? -1, stdout: seen.stdout, stderr: seen.stderr }
  }
}

/** Types each of the keys when what they answer has appeared behind what was answered before. */
async function type(
  child: ChildProcessWithoutNullStreams,
  seen: Seen,
  keys: readonly (readonly [string, string])[],
): Promise<void> {
  let from = 0
  for (const [after, typed] of keys) {
    await seen.until(() => onScreen(seen.stdout).indexOf(after, from) >= 0)
    if (seen.isOver) return
    from = onScreen(seen.stdout).indexOf(after, from) + after.length
    child.stdin.write(typed)
  }
}

/** What a program has shown so far. */
class Seen {
  stdout = ''
  stderr = ''
  isOver = false
  #wake = () => {}

  constructor(child: ChildProcessWithoutNullStreams) {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
      this.#wake()
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
      this.#wake()
    })
    child.on('close', () => {
      this.isOver = true
      this.#wake()
    })
  }

  get all(): string {
    return `${this.stdout}\n${this.stderr}`
  }

  get hasWholeLines(): boolean {
    return [this.stdout, this.stderr].every((text) => text === '' || text.endsWith('\n'))
  }

  /** Resolves when it is so, or the program has ended. */
  async until(isSo: () => boolean): Promise<void> {
    while (!this.isOver && !isSo())
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
  }
}

/** All that the command has started. */
function signal(child: ChildProcessWithoutNullStreams, name: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  process.kill(-child.pid, name)
}

async function writeFiles(directory: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(directory, name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, content)
    if (content.startsWith('#!')) await chmod(path, 0o755)
  }
}
