import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expandInstruction, GlobalScope, parseDockerfile, parseInstructions, Scope } from '../../dockerfile/index.js'
import { closing as closingDescriptor, temporaryDirectory } from '../../host/fixture.js'
import { AT_FDCWD, native, O_DIRECTORY, O_PATH } from '../../host/index.js'
import { closing, type Files, makeFiles } from '../context/fixture.js'
import { openDirectory, openFiles } from '../context/index.js'
import type { BuildHost, Workspace } from '../host.js'
import type { BuildSettings } from '../settings.js'
import { StageState } from '../stage-state.js'
import { createStep } from './index.js'
import type { FilesystemStep, StepContext, StepSource } from './step.js'

export interface Setting {
  /** Of the main context, or its directory. */
  readonly context?: Files | string
  /** What the container has before, or its root directory. */
  readonly root?: Files | string
  /** What `--from` names: a stage's directory. */
  readonly stage?: string
  readonly workdir?: string
  readonly user?: string
  readonly settings?: Partial<BuildSettings>
}

/** An instruction in a container that is a plain directory: what its step makes of it. */
export interface Trial {
  readonly step: FilesystemStep
  /** The container's root. */
  readonly root: string
  readonly context: string
  /** Of the build. */
  readonly temporary: string
  execute(): Promise<void>
}

/** For tests: the step of an instruction. */
export async function tryInstruction(text: string, setting: Setting = {}): Promise<Trial> {
  const base = temporaryDirectory('/dev/shm')
  const root = typeof setting.root === 'string' ? setting.root : makeIn(base, 'root', setting.root)
  const context = typeof setting.context === 'string' ? setting.context : makeIn(base, 'context', setting.context)
  const global = new GlobalScope(parseDockerfile(Buffer.from('FROM scratch')))
  const config = { WorkingDir: setting.workdir ?? '', User: setting.user ?? '' }
  const filesystem = { key: 'parent', layers: [] }
  const origin = { id: '', filesystem, config, author: '', history: [], platform: 'linux/amd64' }
  const state = new StageState(origin, new Scope(global, { env: [] }))
  const [parsed] = parseInstructions(text).instructions
  if (parsed === undefined) throw new Error('no instruction')
  const { instruction } = expandInstruction(parsed, state.scope)
  const step = await createStep(instruction, contextOf(state, context, setting, base))
  if (step === undefined) throw new Error('no step')
  const fd = closingDescriptor(native().openat2(AT_FDCWD, root, O_PATH | O_DIRECTORY, 0, 0))
  const workspace: Pick<Workspace, 'files'> = { files: (body) => body(fd) }
  const temporary = join(base, 'temporary')
  return { step, root, context, temporary, execute: () => step.execute(workspace as Workspace) }
}

/** The same, done; the container's root. */
export async function done(text: string, setting: Setting = {}): Promise<string> {
  const trial = await tryInstruction(text, setting)
  await trial.step.key()
  try {
    await trial.execute()
  } finally {
    await trial.step.dispose?.()
  }
  return trial.root
}

function makeIn(base: string, name: string, files: Files = {}): string {
  const path = join(base, name)
  mkdirSync(path, { mode: 0o755 })
  return makeFiles(files, path)
}

function contextOf(state: StageState, directory: string, { stage, settings = {} }: Setting, base: string): StepContext {
  const source = async (from: string | undefined): Promise<StepSource> => {
    if (from === undefined) {
      const files = closing(await openDirectory(directory))
      return { filesystem: undefined, files: async () => files }
    }
    const fd = closingDescriptor(native().openat2(AT_FDCWD, stage ?? '', O_PATH | O_DIRECTORY, 0, 0))
    const files = closing(await openFiles(fd))
    return { filesystem: { key: 'stage', layers: [] }, files: async () => files }
  }
  return {
    host: { temporary: join(base, 'temporary'), unpacked: join(base, 'temporary') } as BuildHost,
    settings: settings as BuildSettings,
    state,
    signal: new AbortController().signal,
    started: () => {},
    source,
    log: () => {},
    warn: () => {},
  } as StepContext
}

/** All names below, with their content, or the targets of symlinks. */
export function filesOf(root: string, at = ''): Record<string, string> {
  return Object.assign(
    {},
    ...readdirSync(join(root, at), { withFileTypes: true }).map((entry) => {
      const path = at === '' ? entry.name : `${at}/${entry.name}`
      if (entry.isDirectory()) return { [`${path}/`]: '', ...filesOf(root, path) }
      const content = () => readFileSync(join(root, path), 'utf8')
      return { [path]: entry.isSymbolicLink() ? `-> ${readlinkSync(join(root, path))}` : content() }
    }),
  )
}

/** `0644 0:0` */
export function attributesOf(root: string, path: string): string {
  const { mode, uid, gid } = lstatSync(join(root, path))
  return `${(mode & 0o7777).toString(8).padStart(4, '0')} ${uid}:${gid}`
}
