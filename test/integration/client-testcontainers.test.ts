import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pack } from 'tar-stream'
import { GenericContainer, Network, Wait } from 'testcontainers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ClientTarget, clientTarget } from '../support/client-target.js'
import { useTestcontainers } from '../support/client-testcontainers.js'
import { body } from '../support/reach.js'
import { readTar } from '../support/read-tar.js'

let target: ClientTarget

beforeAll(async () => {
  target = await clientTarget(['busybox', 'redis'])
  await useTestcontainers(target)
})

afterAll(() => target[Symbol.asyncDispose]())

const busybox = () => new GenericContainer('busybox').withStartupTimeout(60_000)
const sleeping = () => busybox().withCommand(['sleep', '1000'])
/** Serves /srv over HTTP. */
const web = () =>
  busybox().withCommand(['sh', '-c', 'mkdir -p /srv; exec httpd -f -p 8000 -h /srv']).withExposedPorts(8000)

describe('waiting', () => {
  test('for listening ports, which are published', async () => {
    await using redis = await new GenericContainer('redis:7').withExposedPorts(6379).start()
    const socket = connect(redis.getMappedPort(6379), redis.getHost())
    socket.write('PING\r\n')
    expect(String(await once(socket, 'data'))).toBe('+PONG\r\n')
    socket.destroy()
    expect(redis.getFirstMappedPort()).toBe(redis.getMappedPort('6379/tcp'))
  })

  test('for a message in the log, so many times', async () => {
    const command = 'for i in 1 2 3; do echo ready $i; sleep 0.1; done; echo over; sleep 1000'
    const container = busybox()
      .withCommand(['sh', '-c', command])
      .withWaitStrategy(Wait.forLogMessage(/ready \d/, 3))
    await using started = await container.start()
    expect(await firstLine(await started.logs())).toBe('ready 1')
  })

  test('for a healthcheck', async () => {
    const container = sleeping().withHealthCheck({
      test: ['CMD-SHELL', 'test -e /tmp/well || { touch /tmp/well; false; }'],
      interval: 200,
      timeout: 5000,
      retries: 5,
      startPeriod: 1000,
    })
    await using started = await container.withWaitStrategy(Wait.forHealthCheck()).start()
    expect((await started.exec(['ls', '/tmp'])).stdout).toBe('well\n')
  })

  test('for a command that succeeds', async () => {
    const container = busybox().withCommand(['sh', '-c', 'sleep 0.3; touch /tmp/there; sleep 1000'])
    await using started = await container.withWaitStrategy(Wait.forSuccessfulCommand('stat /tmp/there')).start()
    expect((await started.exec('stat /tmp/there')).exitCode).toBe(0)
  })

  test('for an answer over HTTP', async () => {
    const container = web().withCopyContentToContainer([{ content: 'well', target: '/srv/health' }])
    const answer = Wait.forHttp('/health', 8000)
      .forStatusCode(200)
      .forResponsePredicate((text) => text === 'well')
    await using started = await container.withWaitStrategy(answer).start()
    expect(await body(`http://localhost:${started.getMappedPort(8000)}/health`)).toBe('well')
  })

  test('for one that does its work and ends', async () => {
    const work = busybox().withCommand(['sh', '-c', 'echo worked']).withWaitStrategy(Wait.forOneShotStartup())
    const done = await work.start()
    expect(await firstLine(await done.logs())).toBe('worked')
    await done.stop()
    const failing = busybox().withCommand(['false']).withWaitStrategy(Wait.forOneShotStartup())
    await expect(failing.start()).rejects.toThrow(/Container failed to start for/)
  })

  test('in vain', async () => {
    const container = sleeping().withWaitStrategy(Wait.forLogMessage('never')).withStartupTimeout(300)
    await expect(container.start()).rejects.toThrow(/"never" not received after 300ms/)
  })
})

describe('what a container is made with', () => {
  test('environment, labels, user, directory, tmpfs, limits, capabilities, hosts', async () => {
    await using container = await sleeping()
      .withName('configured')
      .withHostname('its-name')
      .withEnvironment({ WORD: 'there' })
      .withLabels({ some: 'label' })
      .withUser('12:34')
      .withWorkingDir('/var')
      .withTmpFs({ '/scratch': 'rw,size=1m' })
      .withUlimits({ nofile: { hard: 2000, soft: 1000 } })
      .withResourcesQuota({ memory: 0.25, cpu: 0.5 })
      .withSharedMemorySize(2 ** 20)
      .withDroppedCapabilities('NET_RAW')
      .withAddedCapabilities('SYS_TIME')
      .withExtraHosts([{ host: 'elsewhere', ipAddress: '10.9.8.7' }])
      .withDefaultLogDriver()
      .start()
    expect(container.getName()).toBe('/configured')
    expect(container.getHostname()).toBe('its-name')
    expect(container.getLabels()).toMatchObject({ some: 'label', 'org.testcontainers': 'true' })
    const look =
      'echo $WORD $(id -u):$(id -g) $PWD $(ulimit -n); grep -c " /scratch tmpfs" /proc/mounts; grep elsewhere /etc/hosts'
    const { stdout } = await container.exec(['sh', '-c', look])
    expect(stdout).toBe('there 12:34 /var 1000\n1\n10.9.8.7\telsewhere\n')
  })

  test('files, directories, contents and archives, before its start and afterwards', async () => {
    const [file, directory] = [join(target.directory, 'a-file'), join(target.directory, 'a-directory')]
    await writeFile(file, 'of a file')
    await mkdir(directory)
    await writeFile(join(directory, 'inner'), 'of a directory')
    await using container = await sleeping()
      .withCopyFilesToContainer([{ source: file, target: '/copied/file', mode: 0o640 }])
      .withCopyDirectoriesToContainer([{ source: directory, target: '/copied/directory' }])
      .withCopyContentToContainer([{ content: 'of a text', target: '/copied/text' }])
      .withCopyArchivesToContainer([{ tar: archive('packed', 'of a tar'), target: '/' }])
      .start()
    const read = async (path: string) => (await container.exec(['cat', path])).output
    const paths = ['/copied/file', '/copied/directory/inner', '/copied/text', '/packed']
    expect(await Promise.all(paths.map(read))).toEqual(['of a file', 'of a directory', 'of a text', 'of a tar'])
    expect((await container.exec(['stat', '-c', '%a', '/copied/file'])).stdout).toBe('640\n')

    await container.copyFilesToContainer([{ source: file, target: '/later/file' }])
    await container.copyContentToContainer([{ content: 'later text', target: '/later/text' }])
    await container.copyDirectoriesToContainer([{ source: directory, target: '/later/directory' }])
    await container.copyArchiveToContainer(archive('packed', 'later'), '/later')
    expect((await container.exec('ls /later')).stdout).toBe('directory\nfile\npacked\ntext\n')
    const found = await readTar(await buffer(await container.copyArchiveFromContainer('/later/text')))
    expect(found).toMatchObject([{ name: 'text', content: 'later text' }])
  })

  test('bind mounts, and large outputs', async () => {
    const bound = join(target.directory, 'bound')
    await writeFile(bound, Buffer.alloc(3_000_000, 'inboard '))
    await using container = await sleeping()
      .withBindMounts([{ source: bound, target: '/bound', mode: 'ro' }])
      .start()
    const { stdout, exitCode } = await container.exec(['cat', '/bound'])
    expect([exitCode, sha256(stdout)]).toEqual([0, sha256(Buffer.alloc(3_000_000, 'inboard ').toString())])
    expect((await container.exec(['sh', '-c', 'echo x >/bound'])).output).toMatch(/Read-only file system/)
  })
})

describe('what is done with one', () => {
  test('exec with an environment, a directory, a user; its streams and its exit code', async () => {
    await using container = await sleeping().start()
    const command = ['sh', '-c', 'echo $WORD $PWD $(id -u); echo wrong >&2; exit 5']
    const result = await container.exec(command, { env: { WORD: 'x' }, workingDir: '/etc', user: '7' })
    expect(result).toMatchObject({ stdout: 'x /etc 7\n', stderr: 'wrong\n', exitCode: 5 })
    expect((await container.exec('no-such-program')).exitCode).toBeGreaterThan(125)
    const many = await Promise.all(Array.from({ length: 20 }, (_, at) => container.exec(['echo', String(at)])))
    expect(many.map(({ stdout }) => Number(stdout))).toEqual(Array.from({ length: 20 }, (_, at) => at))
  })

  test('its log is consumed as it comes', async () => {
    const lines: string[] = []
    const logging = busybox()
      .withCommand(['sh', '-c', 'echo first; read line; echo last'])
      .withWaitStrategy(Wait.forLogMessage('first'))
      .withLogConsumer((stream) => stream.on('data', (chunk: string) => lines.push(...chunk.trim().split('\n'))))
    await using container = await logging.start()
    await expect.poll(() => lines).toEqual(['first', 'last'])
    const tail = await container.logs({ tail: 1 })
    expect(await firstLine(tail)).toBe('last')
  })

  test('restarted, committed, stopped and kept', async () => {
    const container = await web().start()
    await container.exec('touch /kept')
    await container.restart()
    expect((await container.exec('ls /kept')).exitCode).toBe(0)
    await expect.poll(() => body(`http://localhost:${container.getMappedPort(8000)}/`).catch(String)).toMatch(/404/)
    const image = await container.commit({ repo: 'committed', tag: 'v1', deleteOnExit: false })
    expect((await target.docker(['images', '--quiet', '--no-trunc', 'committed'])).stdout).toBe(`${image}\n`)
    const stopped = await container.stop({ remove: false })
    const found = await readTar(await buffer(await stopped.copyArchiveFromContainer('/kept')))
    expect(found.map(({ name }) => name)).toEqual(['kept'])
    await target.docker(['rm', stopped.getId()])
    await target.docker(['rmi', 'committed:v1'])
  })
})

test('networks, and names in them', async () => {
  await using network = await new Network().start()
  const page = { content: 'from the server\n', target: '/srv/page' }
  const server = web().withCopyContentToContainer([page]).withNetwork(network).withNetworkAliases('server', 'www')
  await using started = await server.start()
  await using client = await sleeping().withNetwork(network).start()
  for (const name of ['server', 'www'])
    expect((await client.exec(['wget', '-q', '-O', '-', `http://${name}:8000/page`])).stdout).toBe('from the server\n')
  expect(client.getNetworkNames()).toEqual([network.getName()])
  expect(client.getNetworkId(network.getName())).toBe(network.getId())
  const address = started.getIpAddress(network.getName())
  expect((await client.exec(['wget', '-q', '-O', '-', `http://${address}:8000/page`])).exitCode).toBe(0)
})

describe('images', () => {
  let context: string

  beforeAll(async () => {
    context = join(target.directory, 'context')
    await mkdir(context)
    const dockerfile =
      'ARG BASE=busybox\nFROM $BASE AS base\nARG WORD=none\nCOPY . /srv\nRUN echo "$WORD" >/srv/word\nCMD ["httpd", "-f", "-p", "8000", "-h", "/srv"]\nFROM base AS other\nRUN touch /other\n'
    await writeFile(join(context, 'Dockerfile'), dockerfile)
    await writeFile(join(context, 'page'), 'a page')
    await writeFile(join(context, 'left-out'), 'x')
    await writeFile(join(context, '.dockerignore'), 'left-out\n')
  })

  test.each([
    ['the classic builder', false],
    ['a session', true],
  ])('one is built of a directory, by %s', async (_, isBuildkit) => {
    const builder = GenericContainer.fromDockerfile(context)
      .withBuildArgs({ WORD: 'said' })
      .withTarget('base')
      .withCache(false)
    const image = await (isBuildkit ? builder.withBuildkit() : builder).build()
    await using container = await image.withExposedPorts(8000).start()
    expect((await container.exec('ls /srv')).stdout).toBe('Dockerfile\npage\nword\n')
    expect(await body(`http://localhost:${container.getMappedPort(8000)}/word`)).toBe('said\n')
  })

  test('one that cannot be pulled', async () => {
    const container = new GenericContainer('127.0.0.1:1/no/such:image')
    await expect(container.start()).rejects.toThrow(/refused/i)
  })
})

test('a container that is reused is the same one', async () => {
  const reused = () =>
    sleeping()
      .withLabels({ of: 'reuse' })
      .withExposedPorts(9999)
      .withWaitStrategy(Wait.forSuccessfulCommand('true'))
      .withReuse()
  const [first, second] = [await reused().start(), await reused().start()]
  expect(second.getId()).toBe(first.getId())
  expect(second.getMappedPort(9999)).toBe(first.getMappedPort(9999))
  await first.stop({ remove: false })
  const third = await reused().start()
  expect(third.getId()).toBe(first.getId())
  await third.stop()
})

test('many at once', async () => {
  const containers = await Promise.all(Array.from({ length: 10 }, () => web().start()))
  const ports = new Set(containers.map((container) => container.getMappedPort(8000)))
  expect(ports.size).toBe(10)
  await Promise.all(containers.map((container) => container.stop()))
})

async function firstLine(stream: Readable): Promise<string> {
  let text = ''
  for await (const chunk of stream) {
    text += chunk
    if (text.includes('\n')) break
  }
  return text.split('\n')[0] ?? ''
}

function archive(name: string, content: string): Readable {
  const tar = pack()
  tar.entry({ name }, content)
  tar.finalize()
  return tar as unknown as Readable
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
