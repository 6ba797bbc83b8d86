import { mkdtempSync, rmSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RunBuilder } from '../../src/container/run-builder.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { type Dockerd, dockerInstalled, startDockerd } from './support/dockerd.js'
import { expectedTable, mountTable } from './support/mount-table.js'
import { oracleRootfs } from './support/oracle-image.js'
import { answers, probeScript, type Question } from './support/probe.js'
import { variants } from './support/variants.js'

function compareLive(): void {
  const shared = mkdtempSync('/tmp/ib-shared-')
  let host: TestEngine
  let daemon: Dockerd
  beforeAll(async () => {
    host = await testEngine([])
    await host.engine.images.import(await oracleRootfs(), { reference: 'oracle' })
    daemon = await startDockerd()
    await daemon.import('oracle', await oracleRootfs())
  })
  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]()
    await host[Symbol.asyncDispose]()
    rmSync(shared, { recursive: true })
  })

  const docker = (options: readonly string[], command: readonly string[]) =>
    daemon.docker(
      ['run', '--rm', '--network=none', '--cgroupns=private', ...options, 'oracle', ...command].filter(
        onlyNetwork(options),
      ),
    )

  test.each(variants(shared))(
    'a container with the option of $name shows the same',
    async ({ docker: options, inboard }) => {
      const theirs = answers((await docker(options, ['sh', '-c', probeScript])).stdout)
      const run = host.engine.run('oracle', ['sh', '-c', probeScript]).network('none').rm()
      const ours = answers((await inboard(run).output()).stdout)
      expect(mountTable(ours.mounts)).toEqual(expectedTable(theirs.mounts))
      expect(comparable(ours)).toEqual(comparable(theirs))
    },
  )

  test.each(endings)('$name ends with the same exit code', async ({ options = [], command, inboard = same }) => {
    const theirs = await docker(options, command)
    const ours = await exitCodeOf(inboard(host.engine.run('oracle', command).rm()))
    expect(ours).toBe(theirs.exitCode)
  })

  test.each(tellingEndings)('$name ends with $ours, where Docker has $theirs', async ({ command, ours, theirs }) => {
    expect((await docker([], command)).exitCode).toBe(theirs)
    expect(await exitCodeOf(host.engine.run('oracle', command).rm())).toBe(ours)
  })
}

const same = (run: RunBuilder) => run

/** One network at most. */
const onlyNetwork = (options: readonly string[]) => (word: string) =>
  word !== '--network=none' || !options.includes('--network=host')

/** What the two were asked, but for mounts, which are compared apart, and what inboard masks and 20.10 does not. */
function comparable({ mounts: _, masked: __, ...rest }: Record<Question, string>): unknown {
  return rest
}

interface Ending {
  readonly name: string
  readonly options?: readonly string[]
  readonly command: readonly string[]
  readonly inboard?: (run: RunBuilder) => RunBuilder
}

const endings: readonly Ending[] = [
  { name: 'a program that succeeds', command: ['true'] },
  { name: 'a program that fails', command: ['sh', '-c', 'exit 7'] },
  { name: 'a program that is not there', command: ['nosuch'] },
  { name: 'a path that is not there', command: ['/nosuch'] },
  { name: 'a file that is not executable', command: ['/etc/passwd'] },
  { name: 'a directory', command: ['/etc'] },
  { name: 'a program that kills itself', command: ['sh', '-c', 'sh -c "kill -KILL \\$\\$"'] },
  { name: 'a program that segfaults', command: ['sh', '-c', 'sh -c "kill -SEGV \\$\\$"'] },
  { name: 'a first process that cannot signal itself', command: ['sh', '-c', 'kill -TERM $$; exit 3'] },
  {
    name: 'an init whose child is killed',
    options: ['--init'],
    command: ['sh', '-c', 'kill -TERM $$'],
    inboard: (run) => run.init(),
  },
  { name: 'an init whose program is missing', options: ['--init'], command: ['nosuch'], inboard: (run) => run.init() },
  { name: 'a shell’s missing program', command: ['sh', '-c', 'nosuch'] },
  { name: 'a shell’s file that is not executable', command: ['sh', '-c', '/etc/passwd'] },
  { name: 'an unknown user', options: ['--user=nosuch'], command: ['true'], inboard: (run) => run.user('nosuch') },
  { name: 'an unknown group', options: ['--user=0:nosuch'], command: ['true'], inboard: (run) => run.user('0:nosuch') },
  {
    name: 'a user beyond all ids',
    options: ['--user=4294967296'],
    command: ['true'],
    inboard: (run) => run.user('4294967296'),
  },
  {
    name: 'a file as working directory',
    options: ['--workdir=/etc/passwd'],
    command: ['true'],
    inboard: (run) => run.workdir('/etc/passwd'),
  },
  {
    name: 'a working directory that is made',
    options: ['--workdir=/a/b'],
    command: ['true'],
    inboard: (run) => run.workdir('/a/b'),
  },
  {
    name: 'a relative working directory',
    options: ['--workdir=a'],
    command: ['true'],
    inboard: (run) => run.workdir('a'),
  },
  {
    name: 'a descriptor as working directory',
    options: ['--workdir=/proc/self/fd/7'],
    command: ['true'],
    inboard: (run) => run.workdir('/proc/self/fd/7'),
  },
  {
    name: 'a sysctl of the host',
    options: ['--sysctl=kernel.core_pattern=x'],
    command: ['true'],
    inboard: (run) => run.sysctl({ 'kernel.core_pattern': 'x' }),
  },
  {
    name: 'a mount over the root',
    options: ['--volume=/tmp:/'],
    command: ['true'],
    inboard: (run) => run.volume('/tmp:/'),
  },
  {
    name: 'a mount inside /proc',
    options: ['--volume=/tmp:/proc/sys'],
    command: ['true'],
    inboard: (run) => run.volume('/tmp:/proc/sys'),
  },
  {
    name: 'the host’s devices as /dev',
    options: ['--volume=/dev:/dev'],
    command: ['true'],
    inboard: (run) => run.volume('/dev:/dev'),
  },
  {
    name: 'an unknown capability',
    options: ['--cap-add=NOSUCH'],
    command: ['true'],
    inboard: (run) => run.capAdd('NOSUCH'),
  },
  { name: 'an empty script', command: ['sh', '-c', ''] },
]

/** Docker tells these apart from the rest by nothing, or by the runtime's own end; inboard as a shell would. */
const tellingEndings: readonly (Ending & { readonly ours: number; readonly theirs: number })[] = [
  { name: 'a path through a file', command: ['/etc/passwd/x'], ours: 126, theirs: 125 },
  { name: 'a link to itself', command: ['/var/loop'], ours: 126, theirs: 125 },
  { name: 'a file that is no program', command: ['/var/not-a-program'], ours: 126, theirs: 1 },
  { name: 'a script without its first line', command: ['/var/no-header'], ours: 126, theirs: 1 },
  { name: 'a script without its interpreter', command: ['/var/no-interpreter'], ours: 127, theirs: 1 },
  { name: 'an empty program', command: [''], ours: 125, theirs: 127 },
]

/** A start that fails is 125, as the command's, unless the error says otherwise. */
async function exitCodeOf(run: RunBuilder): Promise<number> {
  try {
    return (await run.output()).exitCode ?? -1
  } catch (error) {
    return (error as { exitCode?: number }).exitCode ?? 125
  }
}

if (dockerInstalled) describe('beside a Docker daemon on this host', compareLive)
else test.skip('shows the same as a Docker daemon on this host, which has none', () => {})
