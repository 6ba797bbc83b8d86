import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import Docker from 'dockerode'
import { pack } from 'tar-stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ClientTarget, clientTarget } from '../support/client-target.js'
import { readTar } from '../support/read-tar.js'
import { startRegistry } from '../support/registry.js'

let target: ClientTarget
let docker: Docker

beforeAll(async () => {
  target = await clientTarget()
  docker = new Docker({ socketPath: target.socket })
})

afterAll(() => target[Symbol.asyncDispose]())

/** Its own promise resolves when the container has ended, whether or not the output, on another connection, was read by then. */
async function run(image: string, command: string[], options = {}) {
  const stream = new PassThrough()
  const [output, [result, container]] = await Promise.all([buffer(stream), docker.run(image, command, stream, options)])
  return { output, result, container }
}

describe('containers', () => {
  test('one is attached to, started, written to and waited for; its streams are told apart', async () => {
    const container = await docker.createContainer({
      Image: 'busybox',
      Cmd: ['sh', '-c', 'read line; echo "out: $line"; echo "err: $line" >&2; exit 3'],
      OpenStdin: true,
      StdinOnce: true,
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
    })
    const stream = await container.attach({ stream: true, stdin: true, stdout: true, stderr: true, hijack: true })
    const output = demultiplexed(stream)
    const ended = container.wait({ condition: 'next-exit' })
    await container.start()
    stream.write('hello\n')
    expect(await output).toEqual({ stdout: 'out: hello\n', stderr: 'err: hello\n' })
    expect(await ended).toMatchObject({ StatusCode: 3 })
    expect((await container.inspect()).State).toMatchObject({ Status: 'exited', ExitCode: 3 })
    await container.remove()
    await expect(container.inspect()).rejects.toMatchObject({
      statusCode: 404,
      reason: 'no such container',
      json: { message: `No such container: ${container.id}` },
    })
  })

  test('a terminal is typed at', async () => {
    const container = await docker.createContainer({ Image: 'busybox', Cmd: ['sh'], Tty: true, OpenStdin: true })
    const stream = await container.attach({ stream: true, stdin: true, stdout: true, stderr: true, hijack: true })
    await container.start()
    await container.resize({ h: 33, w: 77 })
    stream.write('stty size; echo $((6 * 7)); exit 5\n')
    expect(await text(stream)).toMatch(/33 77\r\n42\r\n/)
    expect(await container.wait()).toMatchObject({ StatusCode: 5 })
    await container.remove()
  })

  test('logs, at once and followed', async () => {
    const container = await docker.createContainer({
      Image: 'busybox',
      Cmd: ['sh', '-c', 'for i in 1 2 3; do echo line $i; done; echo bad >&2; read wait'],
      OpenStdin: true,
    })
    await container.start()
    const followed = await container.logs({ follow: true, stdout: true, stderr: true })
    const output = demultiplexed(followed as NodeJS.ReadWriteStream)
    await expect.poll(async () => (await container.logs({ stderr: true })).subarray(8).toString()).toBe('bad\n')
    expect((await container.logs({ stdout: true, stderr: true, tail: 0 })).toString()).toBe('')
    const stamped = await container.logs({ stdout: true, timestamps: true })
    expect(stamped.subarray(8).toString()).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z line 1\n/)
    await container.stop({ t: 0 })
    expect(await output).toEqual({ stdout: 'line 1\nline 2\nline 3\n', stderr: 'bad\n' })
    await container.remove()
  })

  test('run() streams to one writer, or to two', async () => {
    const { output, result, container } = await run('busybox', ['sh', '-c', 'tty; exit 2'])
    expect([result.StatusCode, output.toString()]).toEqual([2, '/dev/pts/0\r\n'])
    await container.remove()

    const [stdout, stderr] = [new PassThrough(), new PassThrough()]
    const options = { Tty: false, HostConfig: { AutoRemove: true, NetworkMode: 'none' } }
    const [[out], [err], [second]] = await Promise.all([
      once(stdout, 'data'),
      once(stderr, 'data'),
      docker.run('busybox', ['sh', '-c', 'echo out; echo err >&2'], [stdout, stderr], options),
    ])
    expect([second.StatusCode, String(out), String(err)]).toEqual([0, 'out\n', 'err\n'])
  })

  test('verbs of one that runs', async () => {
    const container = await docker.createContainer({ Image: 'busybox', Cmd: ['sleep', '1000'], name: 'verbs' })
    await container.start()
    await expect(container.start()).rejects.toMatchObject({ statusCode: 304 })
    expect(await container.top()).toMatchObject({ Processes: [expect.arrayContaining(['sleep 1000'])] })
    await container.pause()
    expect((await container.inspect()).State.Status).toBe('paused')
    await container.unpause()
    await container.rename({ name: 'renamed' })
    await container.update({ Memory: 64 * 2 ** 20, MemorySwap: 128 * 2 ** 20 })
    expect(await container.inspect()).toMatchObject({ Name: '/renamed', HostConfig: { Memory: 64 * 2 ** 20 } })
    await container.restart({ t: 0 })
    await container.kill({ signal: 'KILL' })
    expect(await container.wait()).toMatchObject({ StatusCode: 137 })
    await container.remove({ v: true })
  })

  test('stats, once and as a stream', async () => {
    const container = await docker.createContainer({ Image: 'busybox', Cmd: ['sleep', '1000'] })
    await container.start()
    const stats = await container.stats({ stream: false })
    expect(stats).toMatchObject({ id: container.id, pids_stats: { current: 1 }, networks: { eth0: { rx_errors: 0 } } })
    expect(stats.memory_stats.usage).toBeGreaterThan(0)
    const stream = (await container.stats({ stream: true })) as Readable
    const [chunk] = await once(stream, 'data')
    expect(JSON.parse(chunk.toString())).toMatchObject({ id: container.id, name: expect.any(String) })
    stream.destroy()
    await container.remove({ force: true })
  })

  test('lists with filters', async () => {
    const make = (name: string, role: string) =>
      docker.createContainer({ Image: 'busybox', Cmd: ['sleep', '1000'], name, Labels: { role } })
    const [one, two] = [await make('listed-one', 'a'), await make('listed-two', 'b')]
    await one.start()
    const names = async (options: Docker.ContainerListOptions) =>
      (await docker.listContainers(options)).flatMap(({ Names }) => Names)
    expect(await names({ filters: { name: ['listed-'] } })).toEqual(['/listed-one'])
    expect(await names({ all: true, filters: { name: ['listed-'] } })).toEqual(['/listed-two', '/listed-one'])
    expect(await names({ all: true, filters: { label: ['role=b'] } })).toEqual(['/listed-two'])
    expect(await names({ all: true, filters: { status: ['created'] } })).toEqual(['/listed-two'])
    expect(await names({ all: true, limit: 1 })).toEqual(['/listed-two'])
    await one.remove({ force: true })
    const pruned = await docker.pruneContainers({ filters: { label: ['role=b'] } })
    expect(pruned.ContainersDeleted).toEqual([two.id])
  })

  test('files come and go as archives', async () => {
    const container = await docker.createContainer({ Image: 'busybox', Cmd: ['cat', '/tmp/note'] })
    await container.putArchive(archive({ note: 'from outside\n' }), { path: '/tmp' })
    await container.start()
    await container.wait()
    expect((await container.logs({ stdout: true })).subarray(8).toString()).toBe('from outside\n')
    const files = await readTar(await buffer(await container.getArchive({ path: '/tmp/note' })))
    expect([...files].map(({ name }) => name)).toEqual(['note'])
    const { headers } = await container.infoArchive({ path: '/tmp/note' })
    const stat = JSON.parse(Buffer.from(headers['x-docker-container-path-stat'], 'base64').toString())
    expect(stat).toMatchObject({ name: 'note', size: 13 })
    expect(await container.changes()).toContainEqual({ Path: '/tmp/note', Kind: 1 })
    const { Id } = await container.commit({ repo: 'committed', tag: 'once', comment: 'with a note' })
    expect((await docker.getImage('committed:once').inspect()).Id).toBe(Id)
    const exported = await readTar(await buffer(await container.export()))
    expect([...exported].map(({ name }) => name)).toContain('tmp/note')
    await docker.getImage('committed:once').remove()
    await container.remove()
  })
})

describe('processes in a container', () => {
  let container: Docker.Container

  beforeAll(async () => {
    container = await docker.createContainer({ Image: 'busybox', Cmd: ['sleep', '1000'] })
    await container.start()
  })

  afterAll(() => container.remove({ force: true }))

  test('one reads to the end of what is sent', async () => {
    const exec = await container.exec({ Cmd: ['sha1sum', '-'], AttachStdin: true, AttachStdout: true })
    const stream = await exec.start({ hijack: true, stdin: true })
    const output = demultiplexed(stream)
    stream.end('abc')
    expect(await output).toEqual({ stdout: 'a9993e364706816aba3e25717850c26c9cd0d89d  -\n', stderr: '' })
    expect(await exec.inspect()).toMatchObject({ Running: false, ExitCode: 0, ContainerID: container.id })
  })

  test('a stream without hijacking; environment, directory, user and exit code', async () => {
    const exec = await container.exec({
      Cmd: ['sh', '-c', 'echo $WORD $PWD $(id -u); exit 7'],
      AttachStdout: true,
      AttachStderr: true,
      Env: ['WORD=there'],
      WorkingDir: '/tmp',
      User: '12',
    })
    const stream = await exec.start({})
    expect(await demultiplexed(stream)).toEqual({ stdout: 'there /tmp 12\n', stderr: '' })
    expect(await exec.inspect()).toMatchObject({ Running: false, ExitCode: 7 })
  })

  test('one with a terminal', async () => {
    const exec = await container.exec({
      Cmd: ['sh', '-c', 'tty; read x; stty size'],
      Tty: true,
      AttachStdin: true,
      AttachStdout: true,
    })
    const stream = await exec.start({ hijack: true, stdin: true, Tty: true })
    const output = text(stream)
    await exec.resize({ h: 20, w: 50 })
    stream.write('\n')
    expect(await output).toMatch(/^\/dev\/pts\/\d+\r\n(\r\n)?20 50\r\n$/)
  })

  test('one that nobody waits for', async () => {
    const exec = await container.exec({ Cmd: ['touch', '/tmp/detached'] })
    await exec.start({ Detach: true })
    await expect.poll(async () => (await exec.inspect()).ExitCode).toBe(0)
  })
})

describe('images', () => {
  test('pull, push and progress', async () => {
    await using registry = await startRegistry()
    const name = `${registry.host}/some/image`
    await docker.getImage('busybox').tag({ repo: name, tag: 'v1' })
    const pushed = await progress(await docker.getImage(`${name}:v1`).push({ authconfig: anonymous }))
    expect(pushed.at(-1)).toMatchObject({ aux: { Tag: 'v1', Digest: expect.stringMatching(/^sha256:/) } })
    await docker.getImage(`${name}:v1`).remove()
    const pulled = await progress(await docker.pull(`${name}:v1`))
    expect(pulled.at(-1)?.status).toBe(`Status: Downloaded newer image for ${name}:v1`)
    const again = await progress(await docker.createImage({ fromImage: name, tag: 'v1' }))
    expect(again.at(-1)?.status).toBe(`Status: Image is up to date for ${name}:v1`)
    await docker.getImage(`${name}:v1`).remove()
    await expect(docker.pull(`${registry.host}/no/such:image`).then(progress)).rejects.toThrow(/not found|unknown/)
  })

  test('one is built of a tar, and of files', async () => {
    const dockerfile = 'FROM busybox\nARG word=none\nCOPY note /note\nRUN cat /note && echo $word\nCMD cat /note\n'
    const tar = archive({ Dockerfile: dockerfile, note: 'packed\n' })
    const built = await progress(
      await docker.buildImage(tar, {
        t: 'built:tar',
        nocache: true,
        buildargs: { word: 'said' },
        labels: { of: 'tar' },
      }),
    )
    const transcript = built.map(({ stream = '' }) => stream).join('')
    expect(transcript).toMatch(/packed\nsaid\n/)
    expect(transcript).toMatch(/Successfully tagged built:tar\n$/)
    expect((await docker.getImage('built:tar').inspect()).Config.Labels).toEqual({ of: 'tar' })

    const context = join(target.directory, 'context')
    await mkdir(context)
    await writeFile(join(context, 'Dockerfile'), dockerfile)
    await writeFile(join(context, 'note'), 'of a file\n')
    await progress(await docker.buildImage({ context, src: ['Dockerfile', 'note'] }, { t: 'built:files' }))
    const { output } = await run('built:files', [], { Tty: false, HostConfig: { AutoRemove: true } })
    expect(output.subarray(8).toString()).toBe('of a file\n')

    const failed = docker.buildImage(archive({ Dockerfile: 'FROM busybox\nRUN exit 9\n' }), {}).then(progress)
    await expect(failed).rejects.toThrow("The command '/bin/sh -c exit 9' returned a non-zero code: 9")
    await docker.getImage('built:tar').remove()
    await docker.getImage('built:files').remove()
  })

  test('saved, loaded, imported, listed, told of, pruned', async () => {
    const saved = await buffer(await docker.getImage('busybox:latest').get())
    const loaded = await progress(await docker.loadImage(stream(saved), {}))
    expect(loaded.at(-1)?.stream).toBe('Loaded image: busybox:latest\n')
    const imported = await progress(await docker.importImage(archive({ file: 'x' }), { repo: 'imported', tag: '1' }))
    expect(imported.at(-1)?.status).toMatch(/^sha256:[0-9a-f]{64}$/)
    const listed = await docker.listImages({ filters: { reference: ['imported'] } })
    expect(listed.map(({ RepoTags }) => RepoTags)).toEqual([['imported:1']])
    const history = await docker.getImage('imported:1').history()
    expect(history).toMatchObject([{ Tags: ['imported:1'], Size: 1 }])
    await docker.getImage('imported:1').remove()
    await expect(docker.getImage('imported:1').inspect()).rejects.toThrow('No such image: imported:1')
    expect(await docker.pruneImages()).toMatchObject({ SpaceReclaimed: expect.any(Number) })
  })
})

describe('networks and volumes', () => {
  test('a network names its containers', async () => {
    const network = await docker.createNetwork({ Name: 'backend', Labels: { of: 'dockerode' } })
    const server = await docker.createContainer({
      Image: 'busybox',
      Cmd: ['sleep', '1000'],
      name: 'server',
      HostConfig: { NetworkMode: 'backend' },
      NetworkingConfig: { EndpointsConfig: { backend: { Aliases: ['api'] } } },
    })
    const client = await docker.createContainer({ Image: 'busybox', Cmd: ['ping', '-c', '1', '-W', '5', 'api'] })
    await network.connect({ Container: client.id })
    await server.start()
    await client.start()
    expect(await client.wait()).toMatchObject({ StatusCode: 0 })
    const { Containers } = (await network.inspect()) as { readonly Containers: Record<string, { Name: string }> }
    expect(Object.values(Containers).map(({ Name }) => Name)).toEqual(['server'])
    await expect(network.remove()).rejects.toMatchObject({ statusCode: 403 })
    await network.disconnect({ Container: server.id, Force: true })
    await server.remove({ force: true })
    await client.remove()
    const listed = await docker.listNetworks({ filters: { label: ['of=dockerode'] } })
    expect(listed.map(({ Name }) => Name)).toEqual(['backend'])
    expect(await docker.pruneNetworks({ filters: { label: ['of=dockerode'] } })).toEqual({
      NetworksDeleted: ['backend'],
    })
  })

  test('a volume outlives its containers', async () => {
    const created = await docker.createVolume({ Name: 'kept', Labels: { of: 'dockerode' } })
    expect(created.name).toBe('kept')
    const runIn = async (command: string) => {
      const options = { Tty: true, HostConfig: { Binds: ['kept:/data'] } }
      const { output, container } = await run('busybox', ['sh', '-c', command], options)
      await container.remove()
      return output.toString()
    }
    await runIn('echo here >/data/file')
    expect(await runIn('cat /data/file')).toBe('here\r\n')
    const { Volumes } = await docker.listVolumes({ filters: { label: ['of=dockerode'] } })
    expect(Volumes.map(({ Name }) => Name)).toEqual(['kept'])
    expect((await docker.getVolume('kept').inspect()).Labels).toEqual({ of: 'dockerode' })
    await docker.getVolume('kept').remove()
    await expect(docker.getVolume('kept').inspect()).rejects.toMatchObject({ statusCode: 404 })
  })
})

describe('the system', () => {
  test('events as they happen', async () => {
    const events = (await docker.getEvents({ filters: { type: ['container'], label: ['watched'] } })) as Readable
    const container = await docker.createContainer({ Image: 'busybox', Cmd: ['true'], Labels: { watched: '' } })
    await container.start()
    await container.wait()
    await container.remove()
    const seen: string[] = []
    for await (const chunk of events) {
      for (const line of chunk.toString().trim().split('\n')) seen.push(JSON.parse(line).Action)
      if (seen.includes('destroy')) break
    }
    expect(seen).toEqual(['create', 'start', 'die', 'destroy'])
  })

  test('version, information, disk usage, ping', async () => {
    expect((await docker.ping()).toString()).toBe('OK')
    expect(await docker.version()).toMatchObject({ Os: 'linux', ApiVersion: expect.stringMatching(/^1\.\d+$/) })
    expect(await docker.info()).toMatchObject({
      OSType: 'linux',
      Images: expect.any(Number),
      Swarm: { LocalNodeState: 'inactive' },
    })
    expect(await docker.df()).toMatchObject({ Images: expect.any(Array), Containers: expect.any(Array) })
  })

  test('credentials are tried', async () => {
    const login = { username: 'someone', password: 'a password' }
    await using registry = await startRegistry({ login })
    const serveraddress = registry.host
    expect(await docker.checkAuth({ ...login, serveraddress })).toMatchObject({ Status: 'Login Succeeded' })
    await expect(docker.checkAuth({ ...login, password: 'another', serveraddress })).rejects.toThrow(/unauthorized|401/)
  })
})

/** Daemons of before 23 refuse a push that says nothing of credentials. */
const anonymous = { username: '', password: '', serveraddress: '' }

/** What demuxStream() makes of a stream, to its end. */
async function demultiplexed(stream: NodeJS.ReadWriteStream): Promise<{ stdout: string; stderr: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  docker.modem.demuxStream(stream, stdout, stderr)
  stream.once('end', () => {
    stdout.end()
    stderr.end()
  })
  const [out, err] = await Promise.all([text(stdout), text(stderr)])
  return { stdout: out, stderr: err }
}

interface Progress {
  readonly stream?: string
  readonly status?: string
  readonly aux?: object
  readonly error?: string
}

/** All that is told of a pull, a push or a build; rejects with its error. */
function progress(stream: NodeJS.ReadableStream): Promise<Progress[]> {
  return new Promise((resolve, reject) => {
    docker.modem.followProgress(stream, (failure, told: Progress[]) => {
      const error = failure?.message ?? told.find((each) => each.error !== undefined)?.error
      if (error !== undefined) reject(new Error(error))
      else resolve(told)
    })
  })
}

function archive(files: Readonly<Record<string, string>>): NodeJS.ReadableStream {
  const tar = pack()
  for (const [name, content] of Object.entries(files)) tar.entry({ name }, content)
  tar.finalize()
  return Readable.from(tar)
}

function stream(bytes: Buffer): Readable {
  const through = new PassThrough()
  through.end(bytes)
  return through
}
