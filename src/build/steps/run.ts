import type { ExpandedRun } from '../../dockerfile/index.js'
import { LaunchError } from '../../errors/index.js'
import type { ProcessRequest, Workspace } from '../host.js'
import type { KeyPart } from '../key.js'
import { MountScope, type ReadyMount, type RunMount, runMounts } from '../mounts/index.js'
import { describeRun, programOf, type RunProgram } from './run-command.js'
import { notAllowed, notStarted, processFailed } from './run-failure.js'
import { RunOutput } from './run-output.js'
import { scriptMount } from './run-script.js'
import type { FilesystemStep, StepContext } from './step.js'

/**
 * RUN: a program in a container of what the stage has so far. What it sees of variables, user, directory and mounts decides
 * what it is found again by; proxies and values of secrets do not.
 *
 * @throws {BuildError} BUILD_NOT_ALLOWED for a network or security that the build may not have
 */
export async function runStep(instruction: ExpandedRun, context: StepContext): Promise<FilesystemStep> {
  const { state, settings } = context
  const { config } = state.draft
  const network = instruction.network === 'default' ? settings.network : instruction.network
  verifyAllowed(instruction, context)
  const run: Run = {
    context,
    program: programOf(instruction.command, config.Shell ?? undefined),
    // Of this moment: later instructions change it.
    env: [...state.scope.env],
    args: [...state.scope.args],
    proxies: [...state.scope.proxies],
    user: config.User ?? '',
    directory: config.WorkingDir || '/',
    network,
    privileged: instruction.security === 'insecure',
    mounts: await runMounts(instruction.mounts, config.WorkingDir || '/', context),
  }
  const quickKey = quickKeyOf(run)
  return {
    kind: 'run',
    createdBy: describeRun(run.program, state.scope.declared),
    ...(quickKey !== undefined && { quickKey }),
    key: () => contentKeyOf(run),
    execute: (workspace) => execute(run, workspace),
  }
}

/** All that is known of a RUN before it is done. */
interface Run extends Pick<ProcessRequest, 'env' | 'user' | 'directory' | 'network' | 'privileged'> {
  readonly context: StepContext
  readonly program: RunProgram
  readonly args: readonly string[]
  readonly proxies: readonly string[]
  readonly mounts: readonly RunMount[]
}

/** Who gives a build the host's network as a whole has allowed it. */
function verifyAllowed({ network, security }: ExpandedRun, { settings }: StepContext): void {
  if (network === 'host' && settings.network !== 'host' && !settings.entitlements.has('network.host'))
    throw notAllowed('network.host')
  if (security === 'insecure' && !settings.entitlements.has('security.insecure')) throw notAllowed('security.insecure')
}

/** Undefined when files have to be read for it. */
function quickKeyOf(run: Run): KeyPart | undefined {
  const mounts = run.mounts.map(({ quickKey }) => quickKey)
  return mounts.includes(undefined) ? undefined : keyPart(run, mounts)
}

async function contentKeyOf(run: Run): Promise<KeyPart> {
  return keyPart(run, await Promise.all(run.mounts.map((mount) => mount.contentKey?.() ?? mount.quickKey)))
}

function keyPart(run: Run, mounts: readonly KeyPart[]): KeyPart {
  const { program, env, args, user, directory, network, privileged } = run
  const { script } = program
  const { hosts } = run.context.settings
  return {
    args: program.args,
    ...(script && { script: { path: script.path, content: script.content } }),
    env,
    buildArgs: args,
    user,
    directory,
    network,
    privileged,
    hosts: hosts.length > 0 ? hosts : undefined,
    mounts,
  }
}

async function execute(run: Run, workspace: Workspace): Promise<void> {
  const { context, program } = run
  await using scope = new MountScope()
  const ready = await readyMounts(run, scope)
  const output = new RunOutput(
    ready.flatMap(({ secrets = [] }) => secrets),
    context.log,
  )
  const request = requestOf(run, ready, output)
  const result = await workspace
    .run(request)
    .catch((error: unknown) => {
      throw error instanceof LaunchError ? notStarted(program.args, error) : error
    })
    .finally(() => output.end())
  context.signal.throwIfAborted()
  if (result.exitCode !== 0) throw processFailed(program.args, result, output.tail)
  for (const mount of ready) await mount.verify?.()
}

/** One after the other, in an order that all programs keep to. */
async function readyMounts({ context, program, mounts }: Run, scope: MountScope): Promise<ReadyMount[]> {
  const named = await Promise.all(mounts.map(async (mount) => ({ mount, lock: (await mount.lock?.()) ?? '' })))
  const ready: ReadyMount[] = []
  for (const { mount } of named.sort((a, b) => (a.lock < b.lock ? -1 : Number(a.lock > b.lock))))
    ready.push(await mount.ready(scope))
  if (program.script) ready.push(await scriptMount(program.script, context.host.temporary, scope))
  return ready
}

function requestOf(run: Run, ready: readonly ReadyMount[], output: RunOutput): ProcessRequest {
  const { context, program, env, args, proxies, user, directory, network, privileged } = run
  const own = [...env, ...args, ...proxies]
  const names = new Set(own.map(nameOf))
  const added = ready.flatMap((mount) => mount.env ?? []).filter((variable) => !names.has(nameOf(variable)))
  return {
    args: program.args,
    env: [...own, ...added],
    secretEnv: ready.flatMap(({ secretEnv = [] }) => secretEnv),
    user,
    directory,
    mounts: lastOfEach(ready.flatMap(({ mounts = [] }) => mounts)),
    network,
    privileged,
    signal: context.signal,
    onContainer: (id) => context.started(id),
    onOutput: (stream, data) => output.push(stream, data),
  }
}

const nameOf = (variable: string) => variable.split('=', 1)[0] as string

/** Of several with one target the last counts; outer ones come first. */
function lastOfEach(mounts: ProcessRequest['mounts']): ProcessRequest['mounts'] {
  const byTarget = new Map(mounts.map((mount) => [mount.target, mount]))
  return [...byTarget.values()].sort((a, b) => (a.target < b.target ? -1 : 1))
}
