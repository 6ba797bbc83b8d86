import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { type CommandOptions, command, type TestApi, testApi } from '../support/api.js'
import { tar } from '../support/archives.js'
import { contextOf } from '../support/build-context.js'
import { serveRepository } from '../support/git-repository.js'

let api: TestApi

beforeAll(async () => {
  api = await testApi()
})

afterAll(async () => {
  const leaks = await api.leaks()
  await api[Symbol.asyncDispose]()
  expect(leaks).toEqual([])
})

/** Docker's clients: Debian's 20.10, and a new one without buildx. */
const clients = ['/usr/bin/docker', '/usr/local/bin/docker']

/** IDs of images and containers as they come. */
const withoutIds = (text: string) => text.replace(/(?<=---> |in |container |built )[0-9a-f]{12}/g, 'ID')

/** What a file of an image is. */
const fileOf = async (image: string, path: string) =>
  (await api.engine.run(image, ['cat', path]).rm().output()).stdout.toString()

const idOf = async (image: string) => (await api.engine.images.get(image)).id

describe.each(clients)('%s build', (program) => {
  const build = (args: readonly string[], options: CommandOptions = {}) =>
    command(program, ['build', ...args], { ...options, env: { ...api.env, ...options.env } })

  const files = {
    Dockerfile: 'FROM busybox\nRUN echo out; echo err >&2\nCOPY hello /hello\nCMD ["cat", "/hello"]\n',
    hello: 'hi\n',
  }

  test('writes what it does as the classic builder, and tells what was done before', async () => {
    const directory = contextOf(files)
    const { code, stdout } = await build(['--no-cache', '-t', 'app:1', '-t', 'app:2', directory])
    expect(code).toBe(0)
    expect(withoutIds(stdout).split('\n').slice(1)).toEqual([
      'Step 1/4 : FROM busybox',
      ' ---> ID',
      'Step 2/4 : RUN echo out; echo err >&2',
      ' ---> Running in ID',
      'out',
      '\x1b[91merr',
      '\x1b[0mRemoving intermediate container ID',
      ' ---> ID',
      'Step 3/4 : COPY hello /hello',
      ' ---> ID',
      'Step 4/4 : CMD ["cat", "/hello"]',
      ' ---> ID',
      'Successfully built ID',
      'Successfully tagged app:1',
      'Successfully tagged app:2',
      '',
    ])
    const again = await build(['-t', 'app:1', directory])
    expect(again.stdout.match(/Using cache/g)).toHaveLength(3)
    const [, built] = /Successfully built (\w+)/.exec(again.stdout) ?? []
    expect(await idOf('app:2')).toContain(built)
  })

  test('prints the ID alone when it is asked to be quiet, and writes it to a file', async () => {
    const directory = contextOf(files)
    const iidfile = join(directory, 'iid')
    const { stdout } = await build(['-q', '--iidfile', iidfile, '-t', 'quiet', directory])
    expect(stdout).toBe(`${await idOf('quiet')}\n`)
    expect(readFileSync(iidfile, 'utf8')).toBe(stdout)
    await build(['--iidfile', iidfile, '-t', 'loud', directory])
    expect(readFileSync(iidfile, 'utf8')).toBe(await idOf('loud'))
  })

  test('has the code of a program that fails, and tells what it wrote', async () => {
    const text = 'FROM busybox\nRUN echo before; exit 42\n'
    for (const quiet of [[], ['-q']]) {
      const { code, stdout, stderr } = await build([...quiet, '-'], { stdin: text })
      expect(code).toBe(42)
      expect(`${stdout}${stderr}`).toContain('before\n')
      expect(stderr).toContain("The command '/bin/sh -c echo before; exit 42' returned a non-zero code: 42")
    }
  })

  test('takes its options along', async () => {
    const text = `FROM busybox AS first
      ARG A
      ARG FROM_ENV
      ARG NONE=default
      RUN echo $A $FROM_ENV $NONE >/args; cat /etc/hosts >/hosts; ulimit -n >/files; df -k /dev/shm | tail -1 >/shm
      RUN cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes >/memory 2>/dev/null; true
      FROM busybox AS second
      RUN exit 1
    `
    const directory = contextOf({ 'other/Dockerfile.other': text, Dockerfile: 'FROM nothing' })
    const args = ['--build-arg', 'A=1 2', '--build-arg', 'FROM_ENV', '--build-arg', 'NONE']
    const limits = ['--memory', '64m', '--shm-size', '8m', '--ulimit', 'nofile=100:200', '--cpu-shares', '512']
    const rest = [
      '--target',
      'first',
      '-f',
      join(directory, 'other/Dockerfile.other'),
      '--label',
      'b=2',
      '--label',
      'a=1 x',
    ]
    const given = [...args, ...limits, ...rest, '--add-host', 'nas:10.1.2.3', '-t', 'options']
    const { code, stdout } = await build([...given, directory], { env: { FROM_ENV: 'environment' } })
    expect({ code, stdout: stdout.includes('LABEL a=1 x\n') }).toEqual({ code: 0, stdout: true })
    expect(await fileOf('options', '/args')).toBe('1 2 environment default\n')
    expect(await fileOf('options', '/hosts')).toContain('10.1.2.3\tnas')
    expect(await fileOf('options', '/files')).toBe('100\n')
    expect(await fileOf('options', '/shm')).toContain(' 8192 ')
    expect(await fileOf('options', '/memory')).toContain(String(64 * 1024 * 1024))
    const { Config } = await (await api.engine.images.get('options')).inspect()
    expect(Config.Labels).toEqual({ a: '1 x', b: '2' })
  })

  test('says which build arguments nobody asked for', async () => {
    const { stdout } = await build(['--build-arg', 'TYPO=1', '-'], { stdin: 'FROM busybox\n' })
    expect(stdout).toContain('[Warning] One or more build-args [TYPO] were not consumed\n')
  })

  test('has a network of its own choice', async () => {
    await api.engine.networks.create('builds')
    onTestFinished(async () => (await api.engine.networks.get('builds')).remove())
    const text = 'FROM busybox\nRUN ls /sys/class/net >/interfaces; ip -4 addr show >/addresses\n'
    const interfaces = async (network: string) => {
      await build(['--network', network, '--no-cache', '-t', 'network', '-'], { stdin: text })
      return (await fileOf('network', '/interfaces')).trim().split('\n')
    }
    expect(await interfaces('none')).toEqual(['lo'])
    expect(await interfaces('default')).toEqual(['eth0', 'lo'])
    const { Subnet = '' } = (await (await api.engine.networks.get('builds')).inspect()).IPAM.Config[0] ?? {}
    expect(await interfaces('builds')).toEqual(['eth0', 'lo'])
    expect(await fileOf('network', '/addresses')).toContain(`inet ${Subnet.split('.').slice(0, 2).join('.')}.`)
    expect(await interfaces('host')).not.toEqual(['eth0', 'lo'])
    const missing = await build(['--network', 'nowhere', '-'], { stdin: text })
    expect(missing.stderr).toContain('network nowhere not found')
  })

  test('takes a Dockerfile, or an archive, from standard input, and a Dockerfile beside a context', async () => {
    const archive = await tar({ Dockerfile: 'FROM busybox\nCOPY a /\n', a: 'of the archive\n' })
    expect((await build(['-t', 'archive', '-'], { stdin: archive })).code).toBe(0)
    expect(await fileOf('archive', '/a')).toBe('of the archive\n')
    const directory = contextOf({ a: 'of the directory\n' })
    const { code } = await build(['-t', 'beside', '-f', '-', directory], { stdin: 'FROM busybox\nCOPY a /\n' })
    expect(code).toBe(0)
    expect(await fileOf('beside', '/a')).toBe('of the directory\n')
  })

  test('leaves out what .dockerignore says', async () => {
    const directory = contextOf({
      Dockerfile: 'FROM busybox\nCOPY . /all/\nRUN ls -a /all >/list\n',
      '.dockerignore': '*.log\n!keep.log\nDockerfile\n.dockerignore\n',
      'a.log': '',
      'keep.log': '',
      b: '',
    })
    expect((await build(['-t', 'ignore', directory])).code).toBe(0)
    expect(await fileOf('ignore', '/list')).toBe('.\n..\nb\nkeep.log\n')
  })

  test('builds what is at a URL: a repository, an archive, a Dockerfile', async () => {
    await using repository = await serveRepository({ 'sub/Dockerfile': 'FROM busybox\nCOPY a /\n', 'sub/a': 'git\n' })
    expect((await build(['-t', 'git', `${repository.url}.git#main:sub`])).stderr).not.toContain('rror')
    expect(await fileOf('git', '/a')).toBe('git\n')
    const archive = await tar({ Dockerfile: 'FROM busybox\nCOPY a /\n', a: 'tar\n' })
    const server = createServer((request, response) =>
      response.end(request.url === '/Dockerfile' ? 'FROM busybox\nRUN echo text >/a\n' : archive),
    )
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    for (const name of ['Dockerfile', 'a.tar'])
      await build(['-t', name.toLowerCase(), `http://127.0.0.1:${port}/${name}`])
    expect(await fileOf('dockerfile', '/a')).toBe('text\n')
    expect(await fileOf('a.tar', '/a')).toBe('tar\n')
  })

  test('is told what is refused before all of its context was read', async () => {
    const directory = contextOf({ Dockerfile: 'FROM busybox\n', big: 'x'.repeat(40_000_000) })
    const { code, stderr } = await build(['--network', 'no/network', directory])
    expect(code).toBe(1)
    expect(stderr).toContain('network mode no/network is not supported by builds')
  })

  test('refuses what is no Dockerfile', async () => {
    const bad = await build(['-'], { stdin: 'FROM busybox\nFOO bar\n' })
    expect(bad.code).toBe(1)
    expect(bad.stderr).toContain('parse error on line 2: unknown instruction: FOO')
    const target = await build(['--target', 'nope', '-'], { stdin: 'FROM busybox\n' })
    expect(target.stderr).toContain('failed to reach build target nope in Dockerfile')
  })
})

test('a client that goes away ends its build, and nothing else', async () => {
  const directory = mkdtempSync('/tmp/ib-gone-')
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const gone = new AbortController()
  const aborted = api.docker(['build', '--no-cache', '-'], {
    stdin: 'FROM busybox\nRUN sleep 1000\n',
    signal: gone.signal,
  })
  const stays = api.docker(['build', '--no-cache', '-t', 'stays', '-'], { stdin: 'FROM busybox\nRUN sleep 2\n' })
  const running = async () => (await api.engine.containers.list()).length
  await expect.poll(running, { timeout: 20_000 }).toBe(2)
  gone.abort()
  await expect(aborted).rejects.toThrow('aborted')
  await expect.poll(async () => await running(), { timeout: 20_000 }).toBeLessThan(2)
  expect((await stays).code).toBe(0)
  await expect.poll(running, { timeout: 20_000 }).toBe(0)
})
