import { createHash } from 'node:crypto'
import { chmod, chown, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { contextOf } from '../support/build-context.js'
import { buildTrials } from '../support/build-trials.js'

const trials = buildTrials(['busybox', 'debian'])
const { build, logOf, failureOf, inside, builderOf } = trials

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
    const context = contextOf(files)
    const log = await logOf('WORKDIR /src\nRUN --mount=type=bind ls -A . && cat file.txt dir/inner.txt', { context })
    expect(log).toBe('.dockerignore\ndir\nfile.txt\nfileinner')
  })

  test('shows a part of it, or a file', async () => {
    const context = contextOf(files)
    const lines =
      'RUN --mount=source=dir/sub,target=/d --mount=source=/file.txt,target=/etc/a/f.txt find /d /etc/a -type f'
    expect((await logOf(lines, { context })).split('\n').sort()).toEqual(['', '/d/deep.txt', '/etc/a/f.txt'])
  })

  test('shows files as they are sent: of root, with their modes', async () => {
    const context = contextOf({ x: 'x' })
    await chmod(join(context, 'x'), 0o751)
    await chown(join(context, 'x'), 1000, 1000)
    expect(await logOf('RUN --mount=target=/c stat -c "%a %u %g" /c/x', { context })).toBe('751 0 0\n')
  })

  test('shows many files as well as few, and copies them once', async () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`many/${at % 10}/${at}`, `${at}\n`]))
    const context = contextOf({ ...files, ...many })
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
    const context = contextOf(files)
    const lines = 'FROM busybox\nRUN --mount=target=/a/b/c --mount=source=file.txt,target=/file cat /file > /copy'
    const { image } = await build(lines, { context })
    expect(await inside(image, 'ls -d /a /file /copy 2>/dev/null')).toBe('/copy\n')
  })

  test('is read-only, or keeps nothing of what is written', async () => {
    const context = contextOf(files)
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
    const context = contextOf({ ...files, out: '-> /etc', 'out-up': '-> ../../../../../../etc/passwd' })
    const lines = 'RUN --mount=target=/c cat /c/dir/up | head -n1 | cut -d: -f1; readlink /c/dir/absolute'
    // In the container they mean what is there.
    expect(await logOf(lines, { context })).toBe('root\n/etc/hostname\n')
    for (const source of ['out', 'out-up', '../out', 'dir/../../../etc/passwd'])
      expect((await failureOf(`RUN --mount=source=${source},target=/c cat /c`, { context })).line).toBe(2)
  })

  test('of what is not there, or left out, fails in BuildKit’s words', async () => {
    const context = contextOf(files)
    for (const source of ['nowhere', 'secret'])
      expect(await failureOf(`RUN --mount=source=${source},target=/c true`, { context })).toMatchObject({
        message: `failed to compute cache key: "/${source}": not found`,
        line: 2,
      })
  })

  test('is of a stage, an image, or a named context', async () => {
    const named = contextOf({ 'n.txt': 'named' })
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
    const context = contextOf(files)
    const lines = 'RUN --mount=source=dir,target=/d cat /d/inner.txt; echo'
    expect(await logOf(lines, { context })).toBe('inner\n')
    await writeFile(join(context, 'file.txt'), 'other')
    expect(await logOf(lines, { context })).toBe('')
    await writeFile(join(context, 'dir/inner.txt'), 'changed')
    expect(await logOf(lines, { context })).toBe('changed\n')
  })

  test('has a target that is below the working directory, and never the root', async () => {
    const context = contextOf(files)
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
    const named = contextOf({ 'seed.txt': 'seed\n' })
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

  /** Two builds at once, each of which says when it begins and ends with the cache, and does in between what is told. */
  async function together(mounts: string, between: string) {
    const script = (name: string) =>
      `RUN ${mounts} echo begin >> /c/log; touch /c/${name}; ${between}; echo end >> /c/log; cat /c/log`
    const logs = await Promise.all([logOf(script('one')), logOf(script('two'))])
    return logs.map((log) => log.trim().split('\n').join(' ')).sort((a, b) => a.length - b.length)
  }

  test('locked is one step’s at a time', async () => {
    const mount = '--mount=type=cache,id=l,sharing=locked,target=/c'
    expect(await together(mount, 'sleep 1')).toEqual(['begin end', 'begin end begin end'])
  })

  test('shared is everybody’s', async () => {
    const mount = '--mount=type=cache,id=sh,sharing=shared,target=/c'
    const [first] = await together(mount, 'until test -e /c/one -a -e /c/two; do sleep 0.1; done')
    expect(first).toMatch(/^begin begin end/)
  })

  test('private is each one’s own, and kept', async () => {
    const mounts = '--mount=type=cache,id=p,sharing=private,target=/c --mount=type=cache,id=meeting,target=/m'
    const meeting = 'echo >> /m/here; until test $(wc -l < /m/here) = 2; do sleep 0.1; done'
    expect(await together(mounts, meeting)).toEqual(['begin end', 'begin end'])
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
    await expect.poll(() => trials.host.engine.containers.list()).toHaveLength(1)
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
