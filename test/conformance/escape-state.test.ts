import { execFile } from 'node:child_process'
import { chmodSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Container } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { lines } from './support/facts.js'
import { importHostile } from './support/oracle-image.js'
import { answers, probeScript } from './support/probe.js'

let host: TestEngine
let container: Container
beforeAll(async () => {
  host = await testEngine([])
  // What keeps others out must be the engine's own directories, not the one they are in.
  chmodSync(host.directory, 0o755)
  await importHostile(host.engine, 'plain', [])
  container = await host.engine.run('plain', ['sleep', '300'])
})
afterAll(() => host[Symbol.asyncDispose]())

/** Runs Python as nobody; what it prints. */
async function asNobody(script: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('/usr/bin/python3', ['-I', '-c', script, ...args], {
    uid: 65534,
    gid: 65534,
    cwd: '/',
  })
  return stdout.trim()
}

const connect = `
import os, socket, sys
for path in sys.argv[1:]:
  try: socket.socket(socket.AF_UNIX).connect(path); print('connected')
  except OSError as error: print(error.strerror)`

// CVE-2020-15257
describe('the socket that controls a container', () => {
  const socket = () => `${host.directory}/run/${container.id}/sock`

  test('takes root', () => {
    return expect(promisify(execFile)('/usr/bin/python3', ['-I', '-c', connect, socket()])).resolves.toMatchObject({
      stdout: 'connected\n',
    })
  })

  test('cannot be reached by another user', async () => {
    expect(await asNobody(connect, socket())).toBe('Permission denied')
  })

  test('has no abstract name that a container on the host’s network could use', async () => {
    const { stdout } = await host.engine
      .run('plain', ['sh', '-c', 'grep -E " @" /proc/net/unix; true'])
      .network('host')
      .rm()
      .output()
    expect(lines(stdout).filter((line) => /inboard|sock$|ib-/.test(line))).toEqual([])
  })

  test('has no path in a container, on the host’s network or not', async () => {
    const look = [
      'sh',
      '-c',
      `ls ${socket()} ${host.directory} /run/inboard /var/lib/inboard 2>&1 | grep -v "No such file"; true`,
    ]
    expect((await host.engine.run('plain', look).network('host').pid('host').rm().output()).stdout).toBe('')
    expect((await container.exec(look)).stdout).toBe('')
  })
})

// CVE-2021-41091, CVE-2021-41103, CVE-2024-25621
describe('another user of the host', () => {
  const list = `
import os, sys
for path in sys.argv[1:]:
  try: os.listdir(path); print('listed')
  except OSError as error: print(error.strerror)`

  test('lists neither the engine’s root nor where its containers run', async () => {
    expect(await asNobody(list, `${host.directory}/root`, `${host.directory}/run`)).toBe(
      'Permission denied\nPermission denied',
    )
  })

  test('reaches no layer, log or record by its path', async () => {
    const { id } = container
    const paths = ['root/snapshots', 'root/containers', `root/containers/${id}`, 'root/db', `run/${id}`].map(
      (path) => `${host.directory}/${path}`,
    )
    expect(new Set((await asNobody(list, ...paths)).split('\n'))).toEqual(new Set(['Permission denied']))
  })

  test('may write to nothing of the engine’s own', async () => {
    const own = ['root', 'run'].map((path) => `${host.directory}/${path}`)
    const contents = ['snapshots', 'rootfs', 'upper'].flatMap((name) => ['-name', name, '-prune', '-o'])
    const { stdout } = await promisify(execFile)('find', [
      ...own,
      ...contents,
      '-perm',
      '/o+w',
      '!',
      '-type',
      'l',
      '-print',
    ])
    expect(stdout).toBe('')
  })
})

// CVE-2022-0811
describe('a kernel parameter that is not of the container’s namespaces', () => {
  test.each([
    ['kernel.core_pattern', '|/evil'],
    ['kernel/core_pattern', '|/evil'],
    ['kernel.shm_rmid_forced', '1+kernel.core_pattern=|/evil\n'],
    ['net.ipv4.ip_forward/../../../kernel/core_pattern', '|/evil'],
    ['net/../kernel/core_pattern', '|/evil'],
    ['net.ipv4.ip_forward\nkernel.core_pattern', '1'],
    ['net.ipv4.ip_forward\0', '1'],
    ['vm.overcommit_memory', '1'],
    ['fs.file-max', '1'],
    ['kernel.modprobe', '/evil'],
    ['net..ipv4', '1'],
    ['.net', '1'],
    ['', '1'],
  ])('is refused: %j', async (name, value) => {
    const before = readFileSync('/proc/sys/kernel/core_pattern', 'utf8')
    await expect(
      host.engine
        .run('plain', ['true'])
        .sysctl({ [name]: value })
        .rm()
        .output(),
    ).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    expect(readFileSync('/proc/sys/kernel/core_pattern', 'utf8')).toBe(before)
  })

  test.each(['net.core.somaxconn', 'kernel.shm_rmid_forced'])(
    'is refused where its namespace is the host’s: %s',
    async (name) => {
      await expect(
        host.engine
          .run('plain', ['true'])
          .network('host')
          .ipc('host')
          .sysctl({ [name]: '1' })
          .rm()
          .output(),
      ).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    },
  )
})

// CVE-2026-53488, CVE-2026-53489, CVE-2026-53492
test('labels of an image select nothing', async () => {
  const names = [
    'inboard.privileged',
    'io.inboard.privileged',
    'io.inboard.mounts',
    'io.inboard.hooks',
    'io.containerd.runtime',
    'io.containerd.runc.options',
    'com.docker.privileged',
    'org.criu.config',
    'run.oci.hooks.stdout',
    'run.oci.keep_original_groups',
    'run.oci.seccomp',
    'cdi.k8s.io/all',
    'io.kubernetes.cri-o.userns-mode',
    'io.podman.annotations.privileged',
  ]
  await importHostile(
    host.engine,
    'labelled',
    [],
    names.map((name) => `LABEL ${name}=TRUE`),
  )
  const seen = async (image: string) => {
    const {
      mounts,
      masked: _,
      limits: __,
      ...rest
    } = answers((await host.engine.run(image, ['sh', '-c', probeScript]).rm().output()).stdout)
    return { mounts: lines(mounts).length, ...rest }
  }
  expect(await seen('labelled')).toEqual(await seen('plain'))
})

test('a container that forks without end leaves its neighbours and the engine alone, and goes when it is removed', async () => {
  const bomb = await host.engine.run('plain', ['sh', '-c', 'b() { b | b & }; while :; do b; done']).pidsLimit(64)
  const results = await Promise.all(
    Array.from({ length: 5 }, () => host.engine.run('plain', ['echo', 'alive']).rm().output()),
  )
  await bomb.remove({ force: true })
  expect(results.map(({ stdout }) => stdout)).toEqual(Array(5).fill('alive\n'))
})
