import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { DockerClient, Filter } from '@docker/node-sdk'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ClientTarget, clientTarget } from '../support/client-target.js'

// Docker's own SDK for Node, with the calls of its version 0.0.17 that send what they say.

let target: ClientTarget
let docker: DockerClient

beforeAll(async () => {
  target = await clientTarget()
  docker = await DockerClient.fromDockerHost(`unix:${target.socket}`)
})

afterAll(async () => {
  await docker.close()
  await target[Symbol.asyncDispose]()
})

test('a container is created, started, waited for; its log is read, its process listed', async () => {
  const command = ['sh', '-c', 'echo out; echo err >&2; sleep 1000']
  const { Id } = await docker.containerCreate(
    { Image: 'busybox', Cmd: command, Labels: { of: 'sdk' } },
    { name: 'sdk' },
  )
  await docker.containerStart(Id)
  const listed = await docker.containerList({ filters: new Filter().set('label', ['of=sdk']) })
  expect(listed).toMatchObject([{ Id, Names: ['/sdk'], State: 'running' }])
  await expect.poll(() => logsOf(Id)).toEqual({ stdout: 'out\n', stderr: 'err\n' })
  expect((await docker.containerTop(Id)).Processes?.flat()).toContain('sleep 1000')
  const ended = docker.containerWait(Id)
  await docker.containerKill(Id, { signal: 'KILL' })
  expect(await ended).toMatchObject({ StatusCode: 137 })
  await docker.containerDelete(Id, { force: true })
  expect(await docker.containerList({ all: true })).toEqual([])
})

async function logsOf(id: string): Promise<{ stdout: string; stderr: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  await docker.containerLogs(id, stdout, stderr, { stdout: true, stderr: true })
  stdout.end()
  stderr.end()
  return { stdout: await text(stdout), stderr: await text(stderr) }
}

test('a process in a container', async () => {
  const { Id } = await docker.containerCreate({ Image: 'busybox', Cmd: ['sleep', '1000'] })
  await docker.containerStart(Id)
  const exec = await docker.containerExec(Id, {
    Cmd: ['sh', '-c', 'echo out; echo err >&2; exit 3'],
    AttachStdout: true,
    AttachStderr: true,
  })
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  await docker.execStart(exec.Id, stdout, stderr)
  expect([String(stdout.read()), String(stderr.read())]).toEqual(['out\n', 'err\n'])
  expect(await docker.execInspect(exec.Id)).toMatchObject({ ExitCode: 3, Running: false })
  await docker.containerDelete(Id, { force: true })
})

test('the system, images, networks and volumes', async () => {
  expect(await docker.systemPing()).toMatch(/^1\.\d+$/)
  expect(await docker.systemVersion()).toMatchObject({ Os: 'linux' })
  expect(await docker.systemInfo()).toMatchObject({ OSType: 'linux', Images: 1 })
  expect(await docker.imageList()).toMatchObject([{ RepoTags: ['busybox:latest'] }])
  expect((await docker.imageInspect('busybox')).RepoTags).toEqual(['busybox:latest'])
  const network = await docker.networkCreate({ Name: 'sdk-network' })
  expect((await docker.networkInspect(network.Id)).Name).toBe('sdk-network')
  await docker.networkDelete(network.Id)
  await docker.volumeCreate({ Name: 'sdk-volume' })
  expect((await docker.volumeInspect('sdk-volume')).Driver).toBe('local')
  await docker.volumeDelete('sdk-volume')
  expect((await docker.volumeList()).Volumes ?? []).toEqual([])
})
