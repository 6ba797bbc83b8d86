import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { ProcessMount, ProcessRequest } from '../../src/build/host.js'
import { type BuildDirectory, openBuildDirectory } from '../../src/engine/build-directory.js'
import { BuildWorkspace, type PackedLayer, type WorkspaceLimits } from '../../src/engine/build-workspace.js'
import { openFilesystemView } from '../../src/engine/filesystem-view.js'
import { faults } from '../../src/engine/launcher.js'
import type { ImageLayer } from '../../src/image/index.js'
import { extractLayer } from '../../src/layer/index.js'
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
  const mountsOfRoot = () =>
    readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes(root.directory))
  afterAll(async () => {
    await root.stages.images.steps.release(build.id)
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
      onOutput(stream, data) {
        output[stream] += data.toString()
        return undefined
      },
      ...options,
    })
    return { ...result, ...output }
  }

  /** Resolves when it has printed something. */
  async function started(workspace: BuildWorkspace, script: string, options: Partial<ProcessRequest> = {}) {
    let running: Promise<unknown> = Promise.resolve()
    await new Promise<void>((resolve, reject) => {
      const onOutput = () => {
        resolve()
        return undefined
      }
      running = sh(workspace, script, { ...options, onOutput })
      running.catch(reject)
    })
    return { running }
  }

  const pack = (workspace: BuildWorkspace, epoch?: number) =>
    root.stages.images.steps.making((content) => workspace.pack({ epoch, content }))

  /** What a workspace has made, as one that begins with it sees it. */
  async function layersOf(workspace: BuildWorkspace, below = busybox): Promise<[PackedLayer, ...ImageLayer[]]> {
    const layer = await pack(workspace)
    if (!layer) throw new Error('it has changed nothing')
    record(layer, below)
    return [layer, ...below].reverse() as unknown as [PackedLayer, ...ImageLayer[]]
  }

  const record = (layer: PackedLayer, below: readonly ImageLayer[]) =>
    root.stages.images.steps.record(build.id, {
      keys: [layer.chainId],
      kind: 'run',
      description: 'RUN',
      platform: 'linux/amd64',
      below,
      layer,
    })

  function temporary(): string {
    const directory = mkdtempSync('/tmp/ib-build-')
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    return directory
  }

  const containersOf = () => root.root.context.containers.list().map(({ phase }) => phase)

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

  it('tells of a signal, and that memory was not enough', async () => {
    const workspace = await open(busybox, { memory: '8m', memorySwap: '8m' })
    expect(await sh(workspace, 'exec tail /dev/zero')).toMatchObject({ exitCode: 137, signal: 9, oomKilled: true })
  })

  it('keeps no log of it', async () => {
    const workspace = await open()
    await sh(workspace, 'echo hello')
    const [id = ''] = readdirSync(root.stages.paths.containers)
    expect(readdirSync(join(root.stages.paths.containers, id)).filter((name) => name.includes('log'))).toEqual([])
  })

  it('makes a layer of what was changed', async () => {
    const workspace = await open()
    await sh(workspace, 'echo new > /file; mkdir -p /a/b; echo x > /a/b/c; ln /file /link; rm -r /home; ln -s c /a/b/l')
    const layers = await layersOf(workspace)
    expect(layers.at(-1)).toMatchObject({ mediaType: 'application/vnd.oci.image.layer.v1.tar', size: 6 })
    expect(layers.at(-1)?.blob).toBe(layers.at(-1)?.diffId)
    const seen = await sh(await open(layers), 'cat /file /a/b/l; stat -c %h /file; ls -d /home')
    expect(seen).toMatchObject({ stdout: 'new\nx\n2\n', stderr: expect.stringContaining('/home') })
  })

  it('has no layer when nothing was changed', async () => {
    const workspace = await open()
    await sh(workspace, 'true')
    expect(await pack(workspace)).toBeUndefined()
    expect(await pack(await open())).toBeUndefined()
  })

  it('gives the same layer twice, and keeps the first', async () => {
    const [one, two] = [await open(), await open()]
    for (const workspace of [one, two]) await sh(workspace, 'echo same > /same; touch -d @1000000000 /same')
    const layers = [await pack(one), await pack(two)]
    expect(layers[0]).toEqual(layers[1])
    expect(root.stages.snapshots.has(layers[0]?.chainId ?? '')).toBe(true)
  })

  it('begins without files where there are none', async () => {
    const workspace = await open([])
    await workspace.files(async (fd) => writeFileSync(`/proc/self/fd/${fd}/only`, 'x'))
    const layers = await layersOf(workspace, [])
    const view = await openFilesystemView(root.stages, [layers[0].chainId], new AbortController().signal)
    expect(readdirSync(`/proc/self/fd/${view.root}`)).toEqual(['only'])
    await view[Symbol.asyncDispose]()
  })

  it('lends its files, before its program or after it', async () => {
    const workspace = await open()
    await sh(workspace, 'echo from-run > /one')
    await workspace.files(async (fd) => {
      expect(readFileSync(`/proc/self/fd/${fd}/one`, 'utf8')).toBe('from-run\n')
      writeFileSync(`/proc/self/fd/${fd}/two`, 'from-files\n')
    })
    await workspace.files(async (fd) => writeFileSync(`/proc/self/fd/${fd}/three`, '3\n'))
    const layers = await layersOf(workspace)
    expect(await sh(await open(layers), 'cat /one /two /three')).toMatchObject({ stdout: 'from-run\nfrom-files\n3\n' })
  })

  it('mounts what is asked for, and leaves nothing of that in the layer', async () => {
    const host = temporary()
    writeFileSync(join(host, 'file'), 'of the host')
    mkdirSync(join(host, 'writable'))
    const other = await open()
    await sh(other, 'mkdir -p /data/deep; echo other > /data/deep/file')
    const filesystem = { key: 'other', layers: await layersOf(other) }
    const mounts: ProcessMount[] = [
      { kind: 'bind', source: host, target: '/mnt/a/b', readOnly: true },
      { kind: 'bind', source: join(host, 'writable'), target: '/root/.cache/x', readOnly: false },
      { kind: 'bind', source: join(host, 'file'), target: '/one/file', readOnly: true },
      { kind: 'filesystem', filesystem, path: '/data', target: '/from/directory' },
      { kind: 'filesystem', filesystem, path: '/data/deep/file', target: '/from/file' },
      { kind: 'tmpfs', target: '/scratch', sizeBytes: 1024 * 1024 },
      { kind: 'tmpfs', target: '/dev/shm' },
    ]
    const workspace = await open()
    const script = `cat /mnt/a/b/file /one/file /from/directory/deep/file /from/file; touch /mnt/a/b/x; touch /from/file
      echo kept > /root/.cache/x/kept; head -c 2m /dev/zero > /scratch/zero; cp /bin/busybox /dev/shm && /dev/shm/busybox echo runs; echo gone > /dev/shm/gone`
    const { stdout, stderr } = await sh(workspace, script, { mounts })
    expect(stdout).toBe('of the hostof the hostother\nother\nruns\n')
    expect(stderr).toMatch(/\/mnt\/a\/b\/x: Read-only[\s\S]*\/from\/file: Read-only[\s\S]*head: /)
    expect(readFileSync(join(host, 'writable/kept'), 'utf8')).toBe('kept\n')
    expect(await pack(workspace)).toBeUndefined()
  })

  it('keeps what a program has put where a mount was', async () => {
    const workspace = await open()
    const mounts: ProcessMount[] = [{ kind: 'tmpfs', target: '/made/by/mount' }]
    await sh(workspace, 'chmod 700 /made; echo x > /made/by/me', { mounts })
    const seen = await sh(await open(await layersOf(workspace)), 'stat -c %a /made; ls /made/by')
    expect(seen.stdout).toBe('700\nme\n')
  })

  it('tells secrets to the program alone', async () => {
    const secret = `s3cret-${storageDriver}`
    const content = Buffer.from(`${secret}-file`)
    const mounts: ProcessMount[] = [
      { kind: 'secret', target: '/run/secrets/key', content, mode: 0o440, uid: 12, gid: 34 },
    ]
    const workspace = await open()
    const script =
      'cat /run/secrets/key; echo; stat -c "%a %u %g" /run/secrets/key; echo $TOKEN; rm -f /run/secrets/key; echo x > /run/secrets/key'
    const result = await sh(workspace, script, { mounts, env: ['TOKEN=none'], secretEnv: [`TOKEN=${secret}-env`] })
    expect(result.stdout).toBe(`${secret}-file\n440 12 34\n${secret}-env\n`)
    expect(result.stderr).toMatch(/busy[\s\S]*Read-only/)
    expect(spawnSync('grep', ['-r', '-D', 'skip', '-e', secret, root.directory]).status).toBe(1)
    expect(await pack(workspace)).toBeUndefined()
  })

  it('lets no file be newer than the epoch', async () => {
    const workspace = await open()
    await sh(
      workspace,
      'mkdir /d; echo x > /d/new; touch -d @1000 /d/old; ln -s new /d/link; touch -d @2000000000 /etc/passwd',
    )
    const layer = (await pack(workspace, 1_500_000_000)) as PackedLayer
    record(layer, busybox)
    const script = 'stat -c "%n %Y" /d /d/new /d/old /d/link /etc/passwd'
    const { stdout } = await sh(await open([...busybox, layer]), script)
    expect(stdout).toBe('/d 1500000000\n/d/new 1500000000\n/d/old 1000\n/d/link 1500000000\n/etc/passwd 1500000000\n')
  })

  it('has the same files as its tar', async () => {
    const workspace = await open()
    const script = `mkdir -p /x/y; echo 1 > /x/y/f; ln /x/y/f /x/g; ln -s f /x/y/s; mkfifo /x/p; mknod /x/n c 1 3
      chmod 4755 /x/g; chown 5:6 /x/y; chmod 1777 /x/y; rm -r /home; mkdir /home; echo 2 > /home/h; rm /bin/vi; chmod 700 /usr
      head -c 100k /dev/urandom > /x/big; dd if=/dev/zero of=/x/hole bs=1 count=1 seek=1m; touch -d @1000 /x/y; chmod 700 /`
    await sh(workspace, script, { privileged: true })
    await workspace.files(async (fd) => {
      const server = createServer().listen(`/proc/self/fd/${fd}/x/socket`)
      await new Promise((resolve) => server.once('listening', resolve))
      execFileSync('setfattr', ['-n', 'user.own', '-v', 'kept', `/proc/${process.pid}/fd/${fd}/x/y/f`])
      execFileSync('setfattr', ['-n', 'trusted.other', '-v', 'dropped', `/proc/${process.pid}/fd/${fd}/x/y/f`])
      // What it is known by goes with the process, not with the server.
      server.unref()
    })
    const layer = (await pack(workspace)) as PackedLayer
    record(layer, busybox)
    const { snapshots, paths } = root.stages
    const [adopted = ''] = snapshots.layers([layer.chainId])
    const extracted = temporary()
    if (storageDriver === 'vfs')
      execFileSync('cp', ['-a', `${snapshots.layers([busybox.at(-1)?.chainId ?? ''])[0]}/.`, extracted])
    const blob = join(paths.root, 'content/sha256', layer.blob.slice('sha256:'.length))
    await extractLayer(blob, extracted, { format: storageDriver === 'overlay' ? 'overlay' : 'merged' })
    const told = (directory: string) =>
      execFileSync(
        'sh',
        [
          '-c',
          "find . -mindepth 1 -printf '%p %y %m %U %G %s %T@ %n %l\\n' | sed -E 's/( c .*)[0-9]{10}[.][0-9]+/\\1/' | sort; getfattr -Rdh -m - . | sort",
        ],
        {
          cwd: directory,
          encoding: 'utf8',
        },
      )
    expect(told(adopted)).toBe(told(extracted))
    expect(told(adopted)).toContain('user.own="kept"')
    const names = execFileSync('tar', ['-tf', blob], { encoding: 'utf8' }).split('\n')
    expect(names.filter((name) => name.includes('.wh.'))).toEqual(
      storageDriver === 'overlay' ? ['bin/.wh.vi', 'home/.wh..wh..opq'] : ['bin/.wh.vi'],
    )
  })

  it('goes with its build', async () => {
    const other = await openBuildDirectory(root.stages, root.root.context)
    const image = root.stages.images.resolve('busybox').id
    const { signal } = new AbortController()
    const workspace = new BuildWorkspace(root.stages, root.root.context, { image, build: other.id, limits: {}, signal })
    await workspace.files(async () => {})
    const [record] = root.root.context.containers.list()
    expect(root.root.context.isBuilding(record?.id ?? '')).toBe(true)
    await other[Symbol.asyncDispose]()
    expect(root.root.context.isBuilding(record?.id ?? '')).toBe(false)
    await (await openBuildDirectory(root.stages, root.root.context))[Symbol.asyncDispose]()
    expect(containersOf()).toEqual([])
  })

  it('has its program wait while nobody takes what it prints', async () => {
    const workspace = await open()
    const total = 64 * 1024 * 1024
    let taken = 0
    let release = () => {}
    const room = new Promise<void>((resolve) => {
      release = resolve
    })
    const onOutput = (_stream: string, data: Buffer) => {
      taken += data.length
      return room
    }
    const running = sh(workspace, '', { args: ['head', '-c', String(total), '/dev/zero'], onOutput })
    const written: number[] = []
    const isHeld = () => {
      const [live] = root.root.context.live.values()
      written.push(Number(/^wchar: (\d+)$/m.exec(readFileSync(`/proc/${live?.session.start?.pid}/io`, 'utf8'))?.[1]))
      return written.length > 10 && written.at(-1) === written.at(-10)
    }
    await expect.poll(() => root.root.context.live.size).toBe(1)
    await expect.poll(isHeld, { interval: 50, timeout: 20_000 }).toBe(true)
    expect(written.at(-1)).toBeLessThan(total / 4)
    release()
    expect(await running).toMatchObject({ exitCode: 0 })
    expect(taken).toBe(total)
  })

  it('says at which step its files cannot be shown, and leaves nothing', async () => {
    const layers = busybox.map(({ chainId }) => chainId).reverse()
    const show = () => openFilesystemView(root.stages, layers, new AbortController().signal)
    await (await show())[Symbol.asyncDispose]()
    const steps = faults.steps.length
    const mounts = mountsOfRoot()
    for (let step = 1; step < steps; step++)
      for (const kind of ['error', 'kill'] as const) {
        faults.next = { step, kind }
        await expect(show()).rejects.toMatchObject({ name: 'LaunchError' })
      }
    expect(mountsOfRoot()).toEqual(mounts)
    await (await show())[Symbol.asyncDispose]()
  })

  it('is killed by its signal', async () => {
    const stop = new AbortController()
    const workspace = await open()
    const { running } = await started(workspace, 'trap "" TERM; echo up; sleep 1000', { signal: stop.signal })
    stop.abort(new Error('enough'))
    await expect(running).rejects.toThrow('enough')
    await workspace[Symbol.asyncDispose]()
    expect(containersOf()).not.toContain('started')
  })

  it('is gone when its program cannot be started', async () => {
    const workspace = await open()
    await expect(sh(workspace, '', { args: ['/no/such/program'] })).rejects.toMatchObject({ code: 'PROGRAM_NOT_FOUND' })
    await workspace[Symbol.asyncDispose]()
    expect(containersOf()).toEqual([])
  })

  it('is removed while its program runs', async () => {
    const workspace = await open()
    const { running } = await started(workspace, 'echo up; sleep 1000')
    await workspace[Symbol.asyncDispose]()
    expect(await running).toMatchObject({ exitCode: 137 })
    expect(containersOf()).toEqual([])
  })

  it('shows the files of layers to nobody else, read-only', async () => {
    const workspace = await open()
    await sh(workspace, 'rm -r /home; echo above > /above')
    const chain = (await layersOf(workspace)).map(({ chainId }) => chainId).reverse()
    const mounts = mountsOfRoot()
    for (const layers of [chain, chain.slice(1), []]) {
      const view = await openFilesystemView(root.stages, layers, new AbortController().signal)
      const path = `/proc/self/fd/${view.root}`
      const names = readdirSync(path)
      expect([names.includes('above'), names.includes('home')]).toEqual([layers === chain, layers.length === 1])
      expect(() => closeSync(openSync(`${path}/new`, 'w'))).toThrow('EROFS')
      await view[Symbol.asyncDispose]()
    }
    expect(mountsOfRoot()).toEqual(mounts)
  })
})
