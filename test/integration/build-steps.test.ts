import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import {
  type Filesystem,
  filesystemOf,
  type ProcessRequest,
  type StepRequest,
  type Workspace,
} from '../../src/build/index.js'
import { openBuildDirectory } from '../../src/engine/build-directory.js'
import { type BuildSteps, openBuildSteps } from '../../src/engine/build-steps.js'
import { failpoints } from '../../src/errors/failpoint.js'
import { imageArchive } from '../support/images.js'
import { type TestRoot, testRoot } from '../support/open-root.js'

let root: TestRoot
let busybox: Filesystem
beforeAll(async () => {
  root = await testRoot({})
  busybox = filesystemOf(root.stages.images.resolve('busybox').layers)
}, 120_000)
afterAll(async () => {
  const left = await root.leaks()
  await root[Symbol.asyncDispose]()
  expect(left).toEqual([])
}, 120_000)

/** The records of steps, as a build has them that is under way. */
async function openBuild(): Promise<BuildSteps> {
  const { stages, root: opened } = root
  const contexts = { stages, context: opened.context, images: { openRegistries: opened.registries.open } }
  const directory = await openBuildDirectory(stages, opened.context)
  const { signal } = new AbortController()
  const steps = await openBuildSteps(contexts, directory, {
    options: {},
    credentials: async () => undefined,
    report: () => undefined,
    signal,
  })
  onTestFinished(async () => {
    await steps[Symbol.asyncDispose]()
    await directory[Symbol.asyncDispose]()
  })
  return steps
}

let count = 0

/** A step that runs a shell script. */
function shell(script: string, request: Partial<StepRequest> = {}): StepRequest {
  const signal = request.signal ?? new AbortController().signal
  return {
    keys: [`key ${count++}`],
    kind: 'run',
    description: `RUN ${script}`,
    parent: busybox,
    platform: 'linux/amd64',
    isUncached: false,
    epoch: undefined,
    signal,
    execute: (workspace) => run(workspace, script, signal),
    ...request,
  }
}

async function run(workspace: Workspace, script: string, signal: AbortSignal): Promise<void> {
  const request: ProcessRequest = {
    args: ['/bin/sh', '-c', script],
    env: [],
    secretEnv: [],
    user: '',
    directory: '/',
    mounts: [],
    network: 'none',
    privileged: false,
    signal,
    onOutput: () => undefined,
  }
  const { exitCode } = await workspace.run(request)
  if (exitCode !== 0) throw new Error(`exited with ${exitCode}`)
}

const fileOf = ({ layers }: Filesystem, path: string) =>
  root.stages.snapshots.readFile(layers.map(({ chainId }) => chainId).reverse(), undefined, path)
const containers = () => root.root.context.containers.list().length

describe('a step', () => {
  it('has the files that it began with and what it has made, for the next one too', async () => {
    const build = await openBuild()
    const first = await build.step(shell('echo one > /one'))
    const second = await build.step(shell('cat /one > /two; rm /one', { parent: first.filesystem }))
    expect(first.isCached).toBe(false)
    expect(second.filesystem.layers).toHaveLength(busybox.layers.length + 2)
    expect(fileOf(second.filesystem, '/two')).toBe('one\n')
    expect(fileOf(second.filesystem, '/one')).toBeUndefined()
  })

  it('is found by other builds, and not done again', async () => {
    const done = shell('date +%s%N > /time')
    const first = await (await openBuild()).step(done)
    const build = await openBuild()
    const execute = () => Promise.reject(new Error('done again'))
    expect(build.find(done.keys[0] as string)).toEqual({ ...first, isCached: true })
    expect(await build.step({ ...done, execute })).toEqual({ ...first, isCached: true })
    expect(build.find('another')).toBeUndefined()
  })

  it('is done again when that is asked for, and then found as it was done last', async () => {
    const build = await openBuild()
    const done = shell('cat /proc/sys/kernel/random/uuid > /id')
    const first = await build.step(done)
    const second = await build.step({ ...done, isUncached: true })
    expect(second.filesystem.key).not.toBe(first.filesystem.key)
    expect(build.find(done.keys[0] as string)?.filesystem).toEqual(second.filesystem)
  })

  it('that changes nothing has the files of its parent', async () => {
    const { filesystem } = await (await openBuild()).step(shell('true'))
    expect(filesystem).toEqual(busybox)
  })

  it('of which several builds have need at once is done once', async () => {
    const [first, second] = [await openBuild(), await openBuild()]
    let executed = 0
    const request = shell('echo x > /x')
    const execute = (workspace: Workspace) => {
      executed++
      return request.execute(workspace)
    }
    const counted = { ...request, execute }
    const outcomes = await Promise.all([first.step(counted), second.step(counted)])
    expect(executed).toBe(1)
    expect(outcomes[0].filesystem).toEqual(outcomes[1].filesystem)
  })

  it('is done by the one that waits for it when the other is aborted', async () => {
    const [first, second] = [await openBuild(), await openBuild()]
    const stop = new AbortController()
    const request = shell('echo x > /x')
    const endless = shell('sleep 1000', { keys: request.keys, signal: stop.signal })
    let isRunning = () => {}
    const running = new Promise<void>((resolve) => {
      isRunning = resolve
    })
    const execute = (workspace: Workspace) => {
      isRunning()
      return endless.execute(workspace)
    }
    const aborted = first.step({ ...endless, execute })
    await running
    const waiting = second.step(request)
    stop.abort(new Error('given up'))
    await expect(aborted).rejects.toThrow('given up')
    expect(await waiting).toMatchObject({ isCached: false })
  })

  it('that fails leaves nothing', async () => {
    const build = await openBuild()
    const failing = shell('echo x > /x; exit 7')
    await expect(build.step(failing)).rejects.toThrow('exited with 7')
    expect(build.find(failing.keys[0] as string)).toBeUndefined()
    expect(containers()).toBe(0)
  })

  it.each(['build.execute', 'build.packed', 'steps.record', 'build.recorded', 'workspace.adopt'])(
    'leaves nothing that is half, or lost, when it fails at %s',
    async (point) => {
      const build = await openBuild()
      const request = shell(`echo ${point} > /point`)
      failpoints.set(point, () => {
        throw new Error('here')
      })
      await expect(build.step(request)).rejects.toThrow('here')
      failpoints.clear()
      const { filesystem } = await build.step(request)
      expect(fileOf(filesystem, '/point')).toBe(`${point}\n`)
      expect(build.find(request.keys[0] as string)?.filesystem).toEqual(filesystem)
    },
  )
})

describe('while a build is under way', () => {
  it('its base image and its steps stay, whoever removes them', async () => {
    const { images } = root.stages
    const build = await openBuild()
    const { id } = images.resolve('busybox')
    build.use(id)
    const { filesystem } = await build.step(shell('echo kept > /kept'))
    images.tag('busybox', 'again')
    await images.remove('busybox')
    await images.remove('again')
    await images.steps.remove(images.steps.list().map((step) => step.id))
    await images.sweep()
    const next = await build.step(shell('cat /kept > /next', { parent: filesystem }))
    expect(fileOf(next.filesystem, '/next')).toBe('kept\n')
    await images.load(imageArchive('busybox'))
  })

  it('the containers of its steps stay when containers are pruned', async () => {
    const build = await openBuild()
    const pruned: string[] = []
    const { filesystem } = await build.step(
      shell('', {
        execute: (workspace) =>
          workspace.files(async () => {
            pruned.push(...(await root.root.containers.prune()).deleted)
          }),
      }),
    )
    expect(pruned).toEqual([])
    expect(filesystem).toEqual(busybox)
  })

  it('an image that is not here cannot be kept', async () => {
    const build = await openBuild()
    expect(() => build.use(`sha256:${'0'.repeat(64)}`)).toThrow(expect.objectContaining({ code: 'IMAGE_NOT_FOUND' }))
  })
})
