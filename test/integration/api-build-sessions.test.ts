import { execFileSync } from 'node:child_process'
import { copyFileSync, linkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { Readable } from 'node:stream'
import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { type CommandOptions, command, type TestApi, testApi } from '../support/api.js'
import { tar } from '../support/archives.js'
import { contextOf } from '../support/build-context.js'
import { startRegistry, type TestRegistry } from '../support/registry.js'

let api: TestApi
let registry: TestRegistry
const login = { username: 'me', password: 'secret word' }
/** An image of the registry, which is not here. */
let base: string

beforeAll(async () => {
  registry = await startRegistry({ login })
  api = await testApi()
  base = `${registry.host}/base:1`
  await api.engine.build().dockerfile('FROM busybox\nRUN echo base >/base\n').tag(base)
  const image = await api.engine.images.get(base)
  await image.push(base, { auth: login })
  await image.remove()
})

afterAll(async () => {
  const leaks = await api.leaks()
  await api[Symbol.asyncDispose]()
  await registry[Symbol.asyncDispose]()
  expect(leaks).toEqual([])
})

const fileOf = async (image: string, path: string) =>
  (await api.engine.run(image, ['cat', path]).rm().output()).stdout.toString()

describe('dockerode', () => {
  interface Followed {
    readonly text: string
    readonly error: string | undefined
  }

  /** Builds as testcontainers does: `version: 2`, with a session for its credentials alone. */
  const build = async (dockerfile: string, options: Record<string, unknown> = {}): Promise<Followed> => {
    const docker = new Docker({ socketPath: api.socket })
    const context = Readable.from([await tar({ Dockerfile: dockerfile, hello: 'hi\n' })])
    const stream = await docker.buildImage(context, { version: '2', ...options } as Docker.ImageBuildOptions)
    return new Promise((resolve, reject) => {
      const finished = (error: Error | null, output: { stream?: string; error?: string }[]) => {
        if (error) return reject(error)
        const text = output.map((one) => one.stream ?? '').join('')
        resolve({ text, error: output.find((one) => one.error !== undefined)?.error })
      }
      ;(docker as unknown as { followProgress(...args: unknown[]): void }).followProgress(stream, finished)
    })
  }
  const encoded = (text: string) => Buffer.from(text).toString('base64')

  test('builds with a session, and reads what happens', async () => {
    const { text, error } = await build('FROM busybox\nRUN echo out; echo err >&2\nCOPY hello /\n', {
      t: 'dockerode:1',
    })
    expect(error).toBe(undefined)
    // It shows bytes of a log in base64.
    for (const part of [
      '[2/3] RUN echo out; echo err >&2\n',
      encoded('out\n'),
      encoded('err\n'),
      '[3/3] COPY hello /\n',
    ])
      expect(text).toContain(part)
    expect(text).toContain(`Built image: ${(await api.engine.images.get('dockerode:1')).id}\n`)
    expect(await fileOf('dockerode:1', '/hello')).toBe('hi\n')
    const again = await build('FROM busybox\nRUN echo out; echo err >&2\nCOPY hello /\n')
    expect(again.text).toContain('CACHED: [2/3] RUN echo out; echo err >&2\n')
  })

  test('is told what has failed', async () => {
    const { text, error } = await build('FROM busybox\nRUN exit 3\n')
    expect(error).toBe('process "/bin/sh -c exit 3" did not complete successfully: exit code: 3')
    expect(text).toContain(`ERROR: ${error}\n`)
  })

  test('is asked for the credentials of a registry', async () => {
    const dockerfile = `FROM ${base}\nRUN cat /base\n`
    const { error } = await build(dockerfile)
    expect(error).toMatch(/no basic auth credentials|unauthorized|denied/i)
    expect(await build(dockerfile, { authconfig: login })).toMatchObject({ error: undefined })
    await (await api.engine.images.get(base)).remove({ force: true })
  })
})

describe('docker build with BuildKit', () => {
  /** Debian's: newer ones need buildx for it. */
  const build = (args: readonly string[], options: CommandOptions = {}) =>
    command('/usr/bin/docker', ['build', ...args], {
      ...options,
      env: { ...api.env, DOCKER_BUILDKIT: '1', ...options.env },
    })

  test('has its files synchronized', async () => {
    const big = Buffer.alloc(3_000_000, 'big ')
    const directory = contextOf({
      Dockerfile: `FROM busybox\nCOPY . /all/\nRUN cd /all && ls -aR >/list && md5sum big many/999 >/sums && stat -c '%a %i' bin same >/stat\n`,
      bin: '#!/bin/sh\n',
      link: '-> bin',
      'ünïcode/a b': 'x',
      'empty/.keep': '',
      [`${'long'.repeat(30)}/${'name'.repeat(50)}`]: 'x',
      'skip/a': '',
      'skip/b': '',
      '.dockerignore': '# comment\n/skip\n!skip/b\n',
      ...Object.fromEntries(Array.from({ length: 1000 }, (_, at) => [`many/${at}`, `${at}`.repeat(at)])),
    })
    writeFileSync(join(directory, 'big'), big)
    linkSync(join(directory, 'bin'), join(directory, 'same'))
    const { code, stderr } = await build(['-t', 'synced', directory])
    expect({ code, stderr }).toMatchObject({ code: 0 })
    const list = (await fileOf('synced', '/list')).split('\n')
    for (const name of ['name'.repeat(50), 'link', 'same', 'a b', '.keep', 'big', '0', '999', 'b'])
      expect(list).toContain(name)
    expect(list).not.toContain('a')
    const md5 = (content: Buffer | string) => execFileSync('md5sum', { input: content }).toString().split(' ')[0]
    expect(await fileOf('synced', '/sums')).toBe(`${md5(big)}  big\n${md5('999'.repeat(999))}  many/999\n`)
    const [bin, same] = (await fileOf('synced', '/stat')).split('\n')
    expect(bin).toMatch(/^755 /)
    expect(same).toBe(bin)
    expect((await build(['-t', 'synced', directory])).stderr).toContain('CACHED')
  })

  test('takes the Dockerfile of another directory, and its ignore file', async () => {
    const directory = contextOf({ a: '', b: '', '.dockerignore': 'a' })
    const other = contextOf({
      'Dockerfile.other': 'FROM busybox\nCOPY . /all/\nRUN ls /all >/list\n',
      'Dockerfile.other.dockerignore': 'b',
    })
    const { code, stderr } = await build(['-t', 'other', '-f', join(other, 'Dockerfile.other'), directory])
    expect({ code, stderr }).toMatchObject({ code: 0 })
    expect(await fileOf('other', '/list')).toBe('a\n')
  })

  test('takes a Dockerfile, and an archive, from standard input', async () => {
    expect((await build(['-t', 'text', '-'], { stdin: 'FROM busybox\nRUN echo text >/a\n' })).code).toBe(0)
    expect(await fileOf('text', '/a')).toBe('text\n')
    const archive = await tar({ Dockerfile: 'FROM busybox\nCOPY a /\n', a: 'archive\n' })
    const { code, stderr } = await build(['-t', 'archive', '-'], { stdin: archive })
    expect({ code, stderr }).toMatchObject({ code: 0 })
    expect(await fileOf('archive', '/a')).toBe('archive\n')
    const refused = await build(['-'], { stdin: await tar({ Dockerfile: 'FOO' }) })
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('unknown instruction: FOO') })
  })

  test('lends its secrets, and says when it has none', async () => {
    const directory = contextOf({
      Dockerfile: 'FROM busybox\nRUN --mount=type=secret,id=word,required cat /run/secrets/word | md5sum >/sum\n',
      word: 'a secret of mine',
    })
    const secret = `id=word,src=${join(directory, 'word')}`
    const { code, stderr } = await build(['-t', 'secret', '--no-cache', '--secret', secret, directory])
    expect({ code, stderr }).toMatchObject({ code: 0 })
    const sum = execFileSync('md5sum', { input: 'a secret of mine' }).toString()
    expect(await fileOf('secret', '/sum')).toBe(sum)
    const without = await build(['--no-cache', directory])
    expect(without.stderr).toContain('secret word: not found')
  })

  test('lends its ssh agent', async () => {
    const directory = contextOf({
      Dockerfile:
        'FROM busybox\nCOPY . /opt\nRUN --mount=type=ssh,required /opt/ld-linux-x86-64.so.2 --library-path /opt /opt/ssh-add -l\n',
    })
    const libraries = [
      ...execFileSync('ldd', ['/usr/bin/ssh-add'])
        .toString()
        .matchAll(/(\/\S+)/g),
    ]
    for (const path of ['/usr/bin/ssh-add', ...libraries.map(([path]) => path)])
      copyFileSync(path, join(directory, basename(path)))
    const place = contextOf({})
    const [key, socket] = [join(place, 'key'), join(place, 'agent')]
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-f', key, '-N', ''])
    const pid = /SSH_AGENT_PID=(\d+)/.exec(execFileSync('ssh-agent', ['-a', socket]).toString())?.[1]
    onTestFinished(() => void process.kill(Number(pid)))
    execFileSync('ssh-add', ['-q', key], { env: { ...process.env, SSH_AUTH_SOCK: socket } })
    const { stderr } = await build(['--no-cache', '--ssh', 'default', directory], { env: { SSH_AUTH_SOCK: socket } })
    expect(stderr).toContain(execFileSync('ssh-keygen', ['-l', '-f', key]).toString().trim())
    const without = await build(['--no-cache', directory])
    expect(without.stderr).toContain('no SSH key "default" forwarded from the client')
  })

  test('is asked for the credentials of a registry', async () => {
    const config = join(
      contextOf({
        'config.json': JSON.stringify({
          auths: { [registry.host]: { auth: Buffer.from(`${login.username}:${login.password}`).toString('base64') } },
        }),
      }),
    )
    const text = `FROM ${base}\nRUN cat /base\n`
    expect((await build(['-'], { stdin: text })).code).toBe(1)
    const { code, stderr } = await build(['-'], { stdin: text, env: { DOCKER_CONFIG: config } })
    expect({ code, stderr }).toMatchObject({ code: 0 })
    await (await api.engine.images.get(base)).remove({ force: true })
  })

  test('is told what has failed', async () => {
    const { code, stderr } = await build(['-'], { stdin: 'FROM busybox\nRUN echo before; exit 7\n' })
    expect(code).toBe(1)
    expect(stderr).toContain('before')
    expect(stderr).toContain('process "/bin/sh -c echo before; exit 7" did not complete successfully: exit code: 7')
  })

  test('ends with its client', async () => {
    const gone = new AbortController()
    const aborted = build(['-'], { stdin: 'FROM busybox\nRUN sleep 1000\n', signal: gone.signal })
    const running = async () => (await api.engine.containers.list()).length
    await expect.poll(running, { timeout: 20_000 }).toBe(1)
    gone.abort()
    await expect(aborted).rejects.toThrow('aborted')
    await expect.poll(running, { timeout: 20_000 }).toBe(0)
  })
})
