import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, chown, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { BuildOptions } from '../../src/engine/build-options.js'
import type { BuildError } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { startEngineProcess } from '../support/engine-process.js'

const execute = promisify(execFile)

let host: TestEngine
beforeAll(async () => {
  host = await testEngine(['busybox', 'debian'])
}, 120_000)
afterAll(async () => {
  const left = await host.leaks()
  await host[Symbol.asyncDispose]()
  expect(left).toEqual([])
})

/** A directory with these files; a text that begins with `->` is a symlink's target. */
async function contextOf(files: Record<string, string>): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'build-run-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  for (const [name, content] of Object.entries(files)) {
    const path = join(directory, name)
    await mkdir(dirname(path), { recursive: true })
    if (content.startsWith('-> ')) await symlink(content.slice(3), path)
    else await writeFile(path, content)
  }
  return directory
}

/** What makes an image, and one. */
type ImageOptions = Omit<BuildOptions, 'output' | 'platform'>

interface Given extends ImageOptions {
  readonly context?: string
}

/** Builds a Dockerfile: the image, and all that its programs have printed. */
async function build(text: string, { context, ...options }: Given = {}) {
  const building = host.engine.build(context, { dockerfile: text, ...options })
  let log = ''
  for await (const event of building) if (event.kind === 'log') log += event.data
  return { image: await building, log }
}

/** What is printed by the programs of a Dockerfile on busybox. */
const logOf = async (lines: string, given?: Given) => (await build(`FROM busybox\n${lines}\n`, given)).log

async function failureOf(lines: string, given?: Given): Promise<BuildError> {
  const failure = await build(`FROM busybox\n${lines}\n`, given).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(Error)
  return failure as BuildError
}

/** A process of its own that builds a RUN, which has said `waiting`. */
async function builderOf(run: string, options: ImageOptions = {}) {
  const request = JSON.stringify({ ...options, dockerfile: `FROM busybox\nRUN ${run}\n` })
  const roots = { root: join(host.directory, 'root'), runRoot: join(host.directory, 'run') }
  const builder = startEngineProcess(
    roots,
    `for await (const event of engine.build(undefined, ${request})) if (event.kind === 'log') console.log(String(event.data))`,
  )
  onTestFinished(async () => {
    builder.kill('SIGKILL')
    // The next build removes what it has left.
    await logOf('RUN true')
  })
  for await (const line of createInterface(builder.stdout)) if (line.includes('waiting')) return builder
  throw new Error('the builder has ended')
}

/** What an image has, as its own container sees it. */
async function inside(image: { readonly id: string }, script: string): Promise<string> {
  const { stdout } = await host.engine.run(image.id, ['/bin/sh', '-c', script]).rm().output()
  return stdout
}

describe('RUN', () => {
  test('runs text by the shell, JSON as it is', async () => {
    expect(await logOf('RUN echo $((1 + 1)) "a  b"\nRUN ["echo", "$HOME", "a  b"]')).toBe('2 a  b\n$HOME a  b\n')
  })

  test('runs text by the shell that SHELL names', async () => {
    expect(await logOf('SHELL ["/bin/echo", "shell:"]\nRUN some words')).toBe('shell: some words\n')
  })

  test('has the variables, the user and the directory that there are so far, and no others', async () => {
    const lines = `ENV A=1 B="x y"\nARG C=3 A=no\nARG NONE\nWORKDIR /made/here\nUSER 1234:1235\nRUN env | sort; id -u; id -g; pwd; ls -ld /made/here | cut -c1-10`
    const log = await logOf(lines, { buildArg: { HTTP_PROXY: 'http://proxy', C: '4', UNUSED: '5' } })
    const rest = log.split('\n').filter((line) => !/^(?:HOSTNAME|PWD|SHLVL)=/.test(line))
    expect(rest).toEqual([
      'A=1',
      'B=x y',
      'C=4',
      'HOME=/',
      'HTTP_PROXY=http://proxy',
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      '1234',
      '1235',
      '/made/here',
      'drwxr-xr-x',
      '',
    ])
  })

  test('has the home of its user', async () => {
    expect(
      await logOf(
        'RUN echo $HOME\nRUN echo me:x:7:8::/home/me:/bin/sh >> /etc/passwd\nUSER me\nRUN echo $HOME; id -un',
      ),
    ).toBe('/root\n/home/me\nme\n')
  })

  test('has a host name that is always the same: it is found in what programs make', async () => {
    for (const network of ['default', 'none', 'host'] as const)
      expect(await logOf('RUN hostname; grep -c buildkitsandbox /etc/hosts || true', { network })).toMatch(
        /^buildkitsandbox\n/,
      )
    const text = 'FROM busybox\nRUN env > /env; hostname > /hostname'
    const options = { noCache: true, sourceDateEpoch: 1_000_000_000 }
    expect((await build(text, options)).image.id).toBe((await build(text, options)).image.id)
  })

  test('leaves no proxy in the image', async () => {
    const { image } = await build('FROM busybox\nRUN env > /env', {
      buildArg: { HTTPS_PROXY: 'http://user:word@proxy' },
    })
    const { config, history } = await image.inspect().then((found) => ({ config: found.Config, history: found }))
    expect(JSON.stringify([config, history])).not.toContain('word@proxy')
  })

  test('makes a layer of what it changes, and has the history of BuildKit', async () => {
    const { image } = await build('FROM busybox\nARG V=1\nRUN echo $V > /version && rm -r /home && mkdir -p /a/b')
    expect(await inside(image, 'cat /version; ls -d /a/b /home 2>&1')).toMatch(/^1\n(?:.*\n)*\/a\/b/)
    const [last] = await image.history()
    expect(last).toMatchObject({
      createdBy: 'RUN |1 V=1 /bin/sh -c echo $V > /version && rm -r /home && mkdir -p /a/b # buildkit',
    })
  })
})

describe('heredocs of RUN', () => {
  test('alone are scripts of the shell, whose variables are the shell’s', async () => {
    const lines = 'ENV A=out\nRUN <<EOF\nA=in\necho "$A" $(echo sub)\nfor i in 1 2; do\n  echo $i\ndone\nEOF'
    expect(await logOf(lines)).toBe('in sub\n1\n2\n')
  })

  test('that begin with #! are programs', async () => {
    const script = '#!/bin/awk -f\nBEGIN { print "awk", ENVIRON["A"], "$A" }\n'
    expect(await logOf(`ENV A=1\nRUN <<AWK\n${script}AWK`)).toBe('awk 1 $A\n')
    const { image, log } = await build(
      'FROM busybox\nRUN <<EOF\n#!/bin/sh\necho $0; touch /made; echo x >> $0 || true\nEOF',
    )
    expect(log).toMatch(/^\/dev\/pipes\/EOF\n.*(?:Read-only|read-only)/)
    expect(await inside(image, 'ls -d /made /dev/pipes 2>/dev/null')).toBe('/made\n')
  })

  test('among words are fed to the programs that they are for', async () => {
    const lines =
      'RUN cat <<ONE - && cat <<"TWO" > /two && tr a-z A-Z <<-THREE && cat /two\none $((1+1))\nONE\ntwo $HOME\nTWO\n\tthree\nTHREE'
    expect(await logOf(lines)).toBe('one 2\nTHREE\ntwo $HOME\n')
  })

  test('are also for other programs than the shell', async () => {
    expect(await logOf('RUN sed s/a/b/ <<EOF\nabc\nEOF')).toBe('bbc\n')
  })
})

describe('a RUN that fails', () => {
  test('says where, with what, and what was written last', async () => {
    const failure = await failureOf('RUN true\nRUN echo out; echo err >&2; exit 7')
    expect(failure).toMatchObject({
      name: 'BuildError',
      code: 'BUILD_FAILED',
      message: 'process "/bin/sh -c echo out; echo err >&2; exit 7" did not complete successfully: exit code: 7',
      file: 'Dockerfile',
      line: 3,
      instruction: 'RUN echo out; echo err >&2; exit 7',
      exitCode: 7,
      details: { oomKilled: false },
    })
    expect(failure.output?.split('\n').sort()).toEqual(['', 'err', 'out'])
  })

  test('has the last hundred lines', async () => {
    const failure = await failureOf('RUN seq 1000; false')
    expect(failure.output).toBe(Array.from({ length: 100 }, (_, at) => `${901 + at}\n`).join(''))
  })

  test('says by which signal, as a shell does', async () => {
    expect(await failureOf('RUN sh -c "kill -TERM \\$\\$"; exit $?')).toMatchObject({ exitCode: 143 })
  })

  test('says that there is no such program, or that it is none', async () => {
    expect(await failureOf('RUN ["/nowhere"]')).toMatchObject({ code: 'BUILD_FAILED', exitCode: 127, line: 2 })
    expect(await failureOf('RUN ["/etc/passwd"]')).toMatchObject({ code: 'BUILD_FAILED', exitCode: 126, line: 2 })
  })

  test('says that it took more memory than it may', async () => {
    const failure = await failureOf('RUN tail /dev/zero', { memory: '32m' })
    expect(failure).toMatchObject({ details: { oomKilled: true, signal: 9 } })
    expect(failure.message).toMatch(/exit code: 137: cannot allocate memory$/)
  })

  test('leaves nothing, and is done again', async () => {
    const before = (await host.engine.images.list()).length
    await failureOf('RUN echo once > /file && false')
    expect(await logOf('RUN echo once > /file && false || cat /file')).toBe('once\n')
    expect((await host.engine.containers.list({ all: true })).length).toBe(0)
    expect((await host.engine.images.list()).length).toBe(before + 1)
  })
})

describe('RUN --network', () => {
  const interfaces = "sed -n 's/ *\\([^:]*\\):.*/\\1/p' /proc/net/dev | sort | tr '\\n' ' '"

  test('none has the loopback alone', async () => {
    expect(await logOf(`RUN --network=none ${interfaces}`)).toBe('lo ')
    expect(await logOf(`RUN ${interfaces}; true`, { network: 'none' })).toBe('lo ')
  })

  test('default is the bridge', async () => {
    expect(await logOf(`RUN --network=default ${interfaces}`)).toBe('eth0 lo ')
  })

  test('host is that of this machine, for who may have it', async () => {
    expect(await failureOf(`RUN --network=host ${interfaces}`)).toMatchObject({
      code: 'BUILD_NOT_ALLOWED',
      message: 'network.host is not allowed',
      line: 2,
    })
    const names = (await readFile('/proc/net/dev', 'utf8')).match(/[^\s:]+(?=:)/g)?.sort() ?? []
    expect(await logOf(`RUN --network=host ${interfaces}`, { allow: ['network.host'] })).toBe(`${names.join(' ')} `)
  })
})

describe('RUN --security', () => {
  const script = 'mkdir -p /mnt/t && mount -t tmpfs none /mnt/t 2>/dev/null && echo mounted || echo refused'

  test('insecure is privileged, for who may have it', async () => {
    expect(await logOf(`RUN ${script}`)).toBe('refused\n')
    expect(await failureOf(`RUN --security=insecure ${script}`)).toMatchObject({
      message: 'security.insecure is not allowed',
    })
    const allow = ['security.insecure'] as const
    expect(await logOf(`RUN --security=insecure ${script}`, { allow })).toBe('mounted\n')
  })
})

describe('RUN --mount=type=bind', () => {
  const files = {
    'file.txt': 'file',
    'dir/inner.txt': 'inner',
    'dir/sub/deep.txt': 'deep',
    'dir/absolute': '-> /etc/hostname',
    'dir/up': '-> ../../../../etc/passwd',
    secret: 'secret',
    '.dockerignore': 'secret\n',
  }

  test('shows the context, without what is left out of it', async () => {
    const context = await contextOf(files)
    const log = await logOf('WORKDIR /src\nRUN --mount=type=bind ls -A . && cat file.txt dir/inner.txt', { context })
    expect(log).toBe('.dockerignore\ndir\nfile.txt\nfileinner')
  })

  test('shows a part of it, or a file', async () => {
    const context = await contextOf(files)
    const lines =
      'RUN --mount=source=dir/sub,target=/d --mount=source=/file.txt,target=/etc/a/f.txt find /d /etc/a -type f'
    expect((await logOf(lines, { context })).split('\n').sort()).toEqual(['', '/d/deep.txt', '/etc/a/f.txt'])
  })

  test('shows files as they are sent: of root, with their modes', async () => {
    const context = await contextOf({ x: 'x' })
    await chmod(join(context, 'x'), 0o751)
    await chown(join(context, 'x'), 1000, 1000)
    expect(await logOf('RUN --mount=target=/c stat -c "%a %u %g" /c/x', { context })).toBe('751 0 0\n')
  })

  test('shows many files as well as few, and copies them once', async () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`many/${at % 10}/${at}`, `${at}\n`]))
    const context = await contextOf({ ...files, ...many })
    const lines =
      'RUN --mount=target=/c cat /c/many/*/* | sort -n | md5sum; ls -A /c; stat -c "%u %g" /c/many/3/3; touch /c/x || true'
    const text = Array.from({ length: 500 }, (_, at) => `${at}\n`).join('')
    const sum = createHash('md5').update(text).digest('hex')
    const shown = `${sum}  -\n.dockerignore\ndir\nfile.txt\nmany\n0 0\ntouch: /c/x: Read-only file system\n`
    expect(await logOf(lines, { context })).toBe(shown)
    expect(await logOf(`${lines}; true`, { context })).toBe(shown)
    expect(await logOf('RUN --mount=source=many,target=/m,rw rm -r /m/1; ls /m | wc -l', { context })).toBe('9\n')
  })

  test('leaves nothing of it in the image, not even its place', async () => {
    const context = await contextOf(files)
    const lines = 'FROM busybox\nRUN --mount=target=/a/b/c --mount=source=file.txt,target=/file cat /file > /copy'
    const { image } = await build(lines, { context })
    expect(await inside(image, 'ls -d /a /file /copy 2>/dev/null')).toBe('/copy\n')
  })

  test('is read-only, or keeps nothing of what is written', async () => {
    const context = await contextOf(files)
    const write = '(echo new > /c/file.txt; echo more > /c/dir/more; cat /c/file.txt) 2>/dev/null'
    expect(await logOf(`RUN --mount=target=/c ${write}`, { context })).toBe('file')
    expect(await logOf(`RUN --mount=target=/c,rw ${write}`, { context })).toBe('new\n')
    expect(
      await logOf(`RUN --mount=target=/c,rw=true --mount=target=/d cat /c/file.txt /d/file.txt`, { context }),
    ).toBe('filefile')
    expect(await readFile(join(context, 'file.txt'), 'utf8')).toBe('file')
    expect(await readdir(join(context, 'dir'))).not.toContain('more')
  })

  test('never leaves the context by symlinks', async () => {
    const context = await contextOf({ ...files, out: '-> /etc', 'out-up': '-> ../../../../../../etc/passwd' })
    const lines = 'RUN --mount=target=/c cat /c/dir/up | head -n1 | cut -d: -f1; readlink /c/dir/absolute'
    // In the container they mean what is there.
    expect(await logOf(lines, { context })).toBe('root\n/etc/hostname\n')
    for (const source of ['out', 'out-up', '../out', 'dir/../../../etc/passwd'])
      expect((await failureOf(`RUN --mount=source=${source},target=/c cat /c`, { context })).line).toBe(2)
  })

  test('of what is not there, or left out, fails in BuildKit’s words', async () => {
    const context = await contextOf(files)
    for (const source of ['nowhere', 'secret'])
      expect(await failureOf(`RUN --mount=source=${source},target=/c true`, { context })).toMatchObject({
        message: `failed to compute cache key: "/${source}": not found`,
        line: 2,
      })
  })

  test('is of a stage, an image, or a named context', async () => {
    const named = await contextOf({ 'n.txt': 'named' })
    const text = [
      'FROM busybox AS made',
      'RUN mkdir -p /out/real && echo stage > /out/real/s.txt && ln -s real /out/link && ln -s /out/link/s.txt /shortcut',
      'FROM busybox',
      'RUN --mount=from=made,source=/out/link,target=/s --mount=from=made,source=shortcut,target=/f cat /s/s.txt /f',
      'RUN --mount=from=0,target=/all ls /all/out; touch /all/x 2>/dev/null || echo read-only',
      'RUN --mount=from=0,target=/all,rw touch /all/x && ls /all/x',
      'RUN --mount=from=debian,source=/etc/os-release,target=/os . /os; echo $ID',
      'RUN --mount=from=named,target=/n cat /n/n.txt',
    ]
    const { log, image } = await build(text.join('\n'), { buildContext: { named } })
    expect(log).toBe('stage\nstage\nlink\nreal\nread-only\n/all/x\ndebian\nnamed')
    expect(await inside(image, 'ls -d /s /f /all /os /n 2>/dev/null; true')).toBe('')
  })

  test('of nothing is an empty directory', async () => {
    const lines = 'RUN --mount=from=scratch,target=/s ls -A /s; touch /s/x 2>/dev/null || echo read-only'
    expect(await logOf(lines)).toBe('read-only\n')
    expect(await logOf('RUN --mount=from=scratch,target=/s,rw touch /s/x && ls -A /s')).toBe('x\n')
  })

  test('is done again when what it shows is another, and not for anything else', async () => {
    const context = await contextOf(files)
    const lines = 'RUN --mount=source=dir,target=/d cat /d/inner.txt; echo'
    expect(await logOf(lines, { context })).toBe('inner\n')
    await writeFile(join(context, 'file.txt'), 'other')
    expect(await logOf(lines, { context })).toBe('')
    await writeFile(join(context, 'dir/inner.txt'), 'changed')
    expect(await logOf(lines, { context })).toBe('changed\n')
  })

  test('has a target that is below the working directory, and never the root', async () => {
    const context = await contextOf(files)
    expect(await logOf('WORKDIR /w\nRUN --mount=source=dir,target=here cat /w/here/inner.txt; echo', { context })).toBe(
      'inner\n',
    )
    expect(await failureOf('RUN --mount=target=/ true', { context })).toMatchObject({
      message: 'invalid mount target "/"',
    })
  })
})

describe('RUN --mount=type=tmpfs', () => {
  test('is empty, of a size, and leaves nothing', async () => {
    const lines =
      'FROM busybox\nRUN mkdir /t && echo x > /t/below\nRUN --mount=type=tmpfs,target=/t,size=1m ls -A /t; df -k /t | tail -n1 | awk "{print \\$2}"; echo y > /t/above'
    const { image, log } = await build(lines)
    expect(log).toBe('1024\n')
    expect(await inside(image, 'ls /t')).toBe('below\n')
  })
})

describe('RUN --mount=type=cache', () => {
  test('is kept from build to build by its name, and is in no image', async () => {
    const { image, log } = await build(
      'FROM busybox\nRUN --mount=type=cache,id=kept,target=/c echo one >> /c/f; cat /c/f',
    )
    expect(log).toBe('one\n')
    expect(
      await logOf('RUN --mount=type=cache,id=kept,target=/elsewhere echo two >> /elsewhere/f; cat /elsewhere/f'),
    ).toBe('one\ntwo\n')
    expect(await logOf('RUN --mount=type=cache,id=other,target=/c ls /c')).toBe('')
    expect(await inside(image, 'ls -d /c 2>/dev/null; true')).toBe('')
  })

  test('is named by its target when it has no name', async () => {
    await logOf('RUN --mount=type=cache,target=/by/target/ touch /by/target/x')
    expect(await logOf('RUN --mount=type=cache,target=/by/target ls /by/target')).toBe('x\n')
  })

  test('has the mode and the owner that are asked for, and may be read-only', async () => {
    const lines =
      'RUN --mount=type=cache,target=/m,mode=0750,uid=7,gid=8 --mount=type=cache,target=/d stat -c "%a %u %g" /m /d'
    expect(await logOf(lines)).toBe('750 7 8\n755 0 0\n')
    expect(await logOf('RUN --mount=type=cache,target=/r,ro touch /r/x 2>/dev/null || echo no')).toBe('no\n')
  })

  test('begins with what a stage or a context has', async () => {
    const named = await contextOf({ 'seed.txt': 'seed\n' })
    const lines = (count: number) => [
      'FROM busybox AS made',
      'RUN mkdir /out && echo stage > /out/s.txt && chown 5:6 /out/s.txt',
      'FROM busybox',
      `RUN --mount=type=cache,id=s,from=made,source=/out,target=/s cat /s/s.txt; stat -c "%u %g" /s/s.txt; echo ${count} >> /s/s.txt`,
      `RUN --mount=type=cache,id=s,from=named,target=/n cat /n/seed.txt; ls /n # ${count}`,
    ]
    const first = await build(lines(1).join('\n'), { buildContext: { named } })
    expect(first.log).toBe('stage\n5 6\nseed\nseed.txt\n')
    const second = await build(lines(2).join('\n'), { buildContext: { named } })
    expect(second.log).toBe('stage\n1\n5 6\nseed\nseed.txt\n')
  })

  /** Two builds at once, each of which says when it begins and ends with the cache. */
  async function together(sharing: string, id: string) {
    const script = (name: string) =>
      `RUN --mount=type=cache,id=${id},sharing=${sharing},target=/c echo begin >> /c/log; sleep 1; echo end >> /c/log; cat /c/log; echo ${name} >/dev/null`
    const logs = await Promise.all([logOf(script('one')), logOf(script('two'))])
    return logs.map((log) => log.trim().split('\n').join(' ')).sort((a, b) => a.length - b.length)
  }

  test('locked is one step’s at a time', async () => {
    expect(await together('locked', 'l')).toEqual(['begin end', 'begin end begin end'])
  })

  test('shared is everybody’s', async () => {
    const [first] = await together('shared', 'sh')
    expect(first).toMatch(/^begin begin end/)
  })

  test('private is each one’s own, and kept', async () => {
    expect(await together('private', 'p')).toEqual(['begin end', 'begin end'])
    expect(await logOf('RUN --mount=type=cache,id=p,sharing=private,target=/c cat /c/log')).toBe(
      'begin end '.repeat(1).trim().split(' ').join('\n').concat('\n'),
    )
  })

  test('locked is waited for also when another process has it, until that is killed', async () => {
    const mount = '--mount=type=cache,id=elsewhere,sharing=locked,target=/c'
    const builder = await builderOf(`${mount} echo waiting | tee /c/f; while ! test -e /stop; do sleep 0.1; done`)
    const mine = logOf(`RUN ${mount} cat /c/f`)
    expect(await Promise.race([mine, logOf('RUN sleep 1').then(() => 'it has to wait')])).toBe('it has to wait')
    builder.kill('SIGKILL')
    expect(await mine).toBe('waiting\n')
  })

  test('is waited for no longer than the build goes on', async () => {
    const mount = '--mount=type=cache,id=waited,sharing=locked,target=/c'
    const [held, waiting] = [new AbortController(), new AbortController()]
    const holder = logOf(`RUN ${mount} sleep 1000`, { signal: held.signal })
    await expect.poll(() => host.engine.containers.list()).toHaveLength(1)
    const waiter = logOf(`RUN ${mount} true`, { signal: waiting.signal })
    expect(await Promise.race([waiter, logOf('RUN sleep 0.5').then(() => 'it has to wait')])).toBe('it has to wait')
    waiting.abort(new Error('no more'))
    await expect(waiter).rejects.toThrow('no more')
    held.abort(new Error('enough'))
    await expect(holder).rejects.toThrow('enough')
  })

  test('never waits for itself, nor two for each other', async () => {
    const locked = (id: string, target: string) => `--mount=type=cache,sharing=locked,id=${id},target=${target}`
    expect(await logOf(`RUN ${locked('x', '/1')} ${locked('x', '/2')} touch /1/f; ls /2`)).toBe('f\n')
    const crossed = Array.from({ length: 6 }, (_, at) => (at % 2 ? ['a', 'b'] : ['b', 'a']))
    const logs = await Promise.all(
      crossed.map(([one = '', two = ''], at) => logOf(`RUN ${locked(one, '/1')} ${locked(two, '/2')} echo ${at}`)),
    )
    expect(logs.join('')).toBe('0\n1\n2\n3\n4\n5\n')
  })
})

describe('RUN --mount=type=secret', () => {
  const value = 'a-value-that-nobody-may-see-7f3a'
  const secret = [{ id: 'key', value }]

  test('is a file of root alone, or whose it is to be', async () => {
    const lines = 'RUN --mount=type=secret,id=key wc -c < /run/secrets/key; stat -c "%a %u %g" /run/secrets/key'
    expect(await logOf(lines, { secret })).toBe(`${value.length}\n400 0 0\n`)
    const owned =
      'USER 5:6\nRUN --mount=type=secret,id=key,target=/a/b,mode=0440,uid=5,gid=7 stat -c "%a %u %g" /a/b; wc -c < /a/b'
    expect(await logOf(owned, { secret })).toBe(`440 5 7\n${value.length}\n`)
  })

  test('is a variable, or both', async () => {
    const lines =
      'RUN --mount=type=secret,id=key,env=KEY printf %s "$KEY" | wc -c; ls -d /run/secrets 2>/dev/null; true\nRUN --mount=type=secret,id=key,env=KEY,target=/k test "$KEY" = "$(cat /k)" && echo same'
    expect(await logOf(lines, { secret })).toBe(`${value.length}\nsame\n`)
  })

  test('is a file of the host, or a variable of this process', async () => {
    const directory = await contextOf({ key: 'of a file\n' })
    process.env.BUILD_RUN_TEST = 'of a variable'
    onTestFinished(() => void delete process.env.BUILD_RUN_TEST)
    const lines = 'RUN --mount=type=secret,id=one --mount=type=secret,id=two cat /run/secrets/* | tr a-z A-Z; echo'
    const given = [
      { id: 'one', file: join(directory, 'key') },
      { id: 'two', env: 'BUILD_RUN_TEST' },
    ]
    expect(await logOf(lines, { secret: given })).toBe('OF A FILE\nOF A VARIABLE\n')
  })

  test('cannot be written to, and is there for one step only', async () => {
    const lines =
      'RUN --mount=type=secret,id=key (echo x > /run/secrets/key) 2>/dev/null || echo no\nRUN ls -A /run/secrets 2>/dev/null; echo after'
    expect(await logOf(lines, { secret })).toBe('no\nafter\n')
  })

  test('that is missing fails when it is required, and is not there when not', async () => {
    expect(await failureOf('RUN --mount=type=secret,id=gone,required cat /run/secrets/gone')).toMatchObject({
      code: 'BUILD_FAILED',
      message: 'secret gone: not found',
      line: 2,
    })
    expect(
      await logOf(
        'RUN --mount=type=secret,id=gone,env=GONE ls /run/secrets 2>/dev/null; env | grep GONE || echo unset',
      ),
    ).toBe('unset\n')
  })

  test('counts more than a variable of the image', async () => {
    const lines = 'ENV KEY=plain\nRUN --mount=type=secret,id=key,env=KEY test "$KEY" = plain || echo secret'
    expect(await logOf(lines, { secret })).toBe('secret\n')
  })

  test('is no part of the key', async () => {
    const lines = 'RUN --mount=type=secret,id=key echo for any value'
    expect(await logOf(lines, { secret })).toBe('for any value\n')
    expect(await logOf(lines, { secret: [{ id: 'key', value: 'another value' }] })).toBe('')
  })

  test('appears in no log and no error', async () => {
    const print = 'cat /run/secrets/key; echo; for c in $(fold -w1 /run/secrets/key); do printf %s $c; done; echo'
    const mount = 'RUN --mount=type=secret,id=key,env=KEY,target=/run/secrets/key'
    expect(await logOf(`${mount} ${print}`, { secret })).toBe('***\n***\n')
    const failure = await failureOf(`${mount} ${print}; echo $KEY >&2; exit 1`, { secret })
    expect(failure.output?.split('\n').sort()).toEqual(['', '***', '***', '***'])
    expect(JSON.stringify([failure, failure.details, failure.message, failure.stack])).not.toContain(value)
  })

  test('is nowhere below the root when the build is over, nor while it runs', async () => {
    const control = 'text-that-is-found'
    const lines = [
      `RUN --mount=type=secret,id=key,env=KEY,target=/s cat /s | wc -c; echo ${control} > /control`,
      'RUN --mount=type=secret,id=key,env=KEY,target=/s echo waiting; while ! test -e /stop; do sleep 0.1; done',
    ]
    const stop = new AbortController()
    const building = host.engine.build(undefined, {
      dockerfile: `FROM busybox\n${lines.join('\n')}`,
      secret,
      signal: stop.signal,
    })
    const found: string[] = []
    const loop = async () => {
      for await (const event of building) {
        if (event.kind !== 'log' || !String(event.data).includes('waiting')) continue
        found.push(await filesWith(value))
        stop.abort(new Error('enough'))
      }
    }
    await expect(loop()).rejects.toThrow('enough')
    expect(found).toEqual([''])
    expect(await filesWith(value)).toBe('')
    expect(await filesWith(control)).toContain('/control\n')
  })

  test('is gone with a builder that is killed', async () => {
    const builder = await builderOf(
      '--mount=type=secret,id=key,env=KEY,target=/s echo waiting; while ! test -e /stop; do sleep 0.1; done',
      { secret },
    )
    expect(await programsWith(value)).toBeGreaterThan(0)
    builder.kill('SIGKILL')
    await expect.poll(() => programsWith(value)).toBe(0)
    expect(await filesWith(value)).toBe('')
  })

  /** How many processes have a text among their variables. */
  async function programsWith(text: string): Promise<number> {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
    const variables = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')))
    return variables.filter((found) => found.includes(text)).length
  }

  /** The files below the test's directory that have a text, compressed or not. */
  async function filesWith(text: string): Promise<string> {
    // What comes and goes meanwhile is not to be complained about.
    const { stdout } = await execute('grep', ['-rlasF', '--', text, host.directory]).catch(({ stdout }) => ({ stdout }))
    return stdout
  }
})

describe('RUN --mount=type=ssh', () => {
  /** OpenSSH's client of agents, with what it needs, as a context. */
  async function clientContext(): Promise<string> {
    const context = await contextOf({})
    const { stdout } = await execute('ldd', ['/usr/bin/ssh-add'])
    const libraries = [...stdout.matchAll(/(\/\S+)/g)].map(([, path]) => path as string)
    for (const path of ['/usr/bin/ssh-add', ...libraries])
      await cp(path, join(context, basename(path)), { dereference: true })
    return context
  }

  const list = '/lib64/ld-linux-x86-64.so.2 --library-path /opt /opt/ssh-add -l'

  async function makeKey() {
    const path = join(await contextOf({}), 'key')
    await execute('ssh-keygen', ['-q', '-t', 'ed25519', '-f', path, '-C', 'me@here', '-N', ''])
    const { stdout } = await execute('ssh-keygen', ['-l', '-f', path])
    return { path, line: stdout.trim() }
  }

  test('forwards keys, and an agent of the host', async () => {
    const context = await clientContext()
    const { path, line } = await makeKey()
    const lines = (comment: string) =>
      `FROM debian\nCOPY . /opt\nRUN --mount=type=ssh ${list}; echo $SSH_AUTH_SOCK; stat -c "%a %u %F" $SSH_AUTH_SOCK # ${comment}`
    const shown = `${line}\n/run/buildkit/ssh_agent.0\n600 0 socket\n`
    const { image, log } = await build(lines('keys'), { context, ssh: [{ keys: [path] }] })
    expect(log).toBe(shown)
    expect(await inside(image, 'ls -A /run/buildkit 2>/dev/null; true')).toBe('')

    const socket = join(dirname(path), 'agent')
    const { stdout } = await execute('ssh-agent', ['-a', socket])
    onTestFinished(() => void process.kill(Number(/SSH_AGENT_PID=(\d+)/.exec(stdout)?.[1])))
    await execute('ssh-add', ['-q', path], { env: { ...process.env, SSH_AUTH_SOCK: socket } })
    expect((await build(lines('agent'), { context, ssh: [{ socket }] })).log).toBe(shown)
  })

  test('has a name, a place, and an owner', async () => {
    const { path } = await makeKey()
    const lines =
      'RUN --mount=type=ssh,id=one --mount=type=ssh,id=two,target=/two,mode=0666,uid=5,gid=6 echo $SSH_AUTH_SOCK; stat -c "%n %a %u %g" /run/buildkit/* /two'
    const ssh = [
      { id: 'one', keys: [path] },
      { id: 'two', keys: [path] },
    ]
    expect(await logOf(lines, { ssh })).toBe(
      '/run/buildkit/ssh_agent.0\n/run/buildkit/ssh_agent.0 600 0 0\n/two 666 5 6\n',
    )
  })

  test('that is missing fails when it is required, in BuildKit’s words', async () => {
    const { path } = await makeKey()
    expect(await failureOf('RUN --mount=type=ssh,required true')).toMatchObject({
      message: 'no SSH key "default" forwarded from the client',
      line: 2,
    })
    expect(
      await failureOf('RUN --mount=type=ssh,id=b,required true', { ssh: [{ id: 'a', keys: [path] }] }),
    ).toMatchObject({
      message: 'unset ssh forward key b',
    })
    expect(await logOf('RUN --mount=type=ssh ls /run/buildkit 2>/dev/null; echo none')).toBe('none\n')
  })
})

describe('a build that is stopped', () => {
  test('ends its program at once, and leaves nothing', async () => {
    const context = await contextOf({ f: 'f' })
    const stop = new AbortController()
    const building = host.engine.build(context, {
      dockerfile: 'FROM busybox\nRUN --mount=target=/c,rw --mount=type=cache,target=/k echo started; sleep 1000',
      signal: stop.signal,
    })
    const loop = async () => {
      for await (const event of building) if (event.kind === 'log') stop.abort(new Error('stopped'))
    }
    await expect(loop()).rejects.toThrow('stopped')
    expect(await host.engine.containers.list({ all: true })).toEqual([])
    expect(await host.leaks()).toEqual([])
    // Nobody has the cache any more.
    expect(await logOf('RUN --mount=type=cache,target=/k,sharing=locked echo free')).toBe('free\n')
  })
})
