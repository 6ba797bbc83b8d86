import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { ProcessRequest } from '../../src/build/host.js'
import { type BuildDirectory, openBuildDirectory } from '../../src/engine/build-directory.js'
import { BuildWorkspace, type PackedLayer, type WorkspaceLimits } from '../../src/engine/build-workspace.js'
import type { ImageLayer } from '../../src/image/index.js'
import { type TestRoot, testRoot } from '../support/open-root.js'

const drivers = ['overlay', 'vfs'] as const

describe.each(drivers)('a workspace on %s', (storageDriver) => {
  let root: TestRoot
  let build: BuildDirectory
  let busybox: readonly ImageLayer[]
  beforeAll(async () => {
    root = await testRoot({ storageDriver })
    build = await openBuildDirectory(root.stages, root.root.context)
    busybox = root.stages.images.resolve('busybox').layers
  }, 120_000)
  afterAll(async () => {
    await build[Symbol.asyncDispose]()
    const left = await root.leaks()
    await root[Symbol.asyncDispose]()
    expect(left).toEqual([])
  }, 120_000)

  async function open(layers: readonly ImageLayer[] = busybox, limits: WorkspaceLimits = {}) {
    const { signal } = new AbortController()
    const image = await root.stages.images.steps.hidden(build.id, layers, 'linux/amd64', signal)
    const workspace = new BuildWorkspace(root.stages, root.root.context, { image, build: build.id, limits, signal })
    onTestFinished(() => workspace[Symbol.asyncDispose]())
    return workspace
  }

  /** Runs a shell script: its result, and what it has printed. */
  async function sh(workspace: BuildWorkspace, script: string, options: Partial<ProcessRequest> = {}) {
    const output = { stdout: '', stderr: '' }
    const result = await workspace.run({
      args: ['/bin/sh', '-c', script],
      env: [],
      secretEnv: [],
      user: '',
      directory: '',
      mounts: [],
      network: 'none',
      privileged: false,
      signal: new AbortController().signal,
      onOutput: (stream, data) => void (output[stream] += data.toString()),
      ...options,
    })
    return { ...result, ...output }
  }

  const pack = (workspace: BuildWorkspace, epoch?: number) =>
    root.stages.images.steps.making((content) => workspace.pack({ epoch, content }))

  /** What a workspace has made, as one that begins with it sees it. */
  const after = (layer: PackedLayer, below = busybox) => open([...below, layer])

  it('runs a program with what it is given, and tells all that it prints and how it ends', async () => {
    const script = 'id -u; pwd; echo "$A $PATH"; echo oops >&2; exit 3'
    const result = await sh(await open(), script, { env: ['A=b c'], user: '1234', directory: '/usr' })
    expect(result).toEqual({
      exitCode: 3,
      signal: 0,
      oomKilled: false,
      stdout: '1234\n/usr\nb c /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n',
      stderr: 'oops\n',
    })
  })

  it('makes a layer of what was changed', async () => {
    const workspace = await open()
    await sh(workspace, 'echo new > /file; mkdir -p /a/b; echo x > /a/b/c; ln /file /link; rm -r /home; ln -s c /a/b/l')
    const layer = await pack(workspace)
    expect(layer).toMatchObject({ mediaType: 'application/vnd.oci.image.layer.v1.tar', size: 6 })
    expect(layer?.blob).toBe(layer?.diffId)
    const script = 'cat /file /a/b/l; ls -d /home; stat -c %h /file; ls -A /'
    const seen = await sh(await after(layer as PackedLayer), script)
    expect(seen).toMatchObject({
      stdout: expect.stringContaining('new\nx\n2\n'),
      stderr: expect.stringContaining('/home'),
    })
  })

  it('has no layer when nothing was changed', async () => {
    const workspace = await open()
    await sh(workspace, 'true')
    expect(await pack(workspace)).toBeUndefined()
  })
})
