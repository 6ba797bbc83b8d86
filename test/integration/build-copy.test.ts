import { chmodSync, mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { temporaryDirectory } from '../../src/host/fixture.js'
import { archive } from '../../src/layer/fixture.js'
import { type TestEngine, testEngine } from '../support/engine.js'

let place: TestEngine

beforeAll(async () => {
  place = await testEngine()
})

afterAll(async () => {
  expect(await place.leaks()).toEqual([])
  await place[Symbol.asyncDispose]()
})

/** A context with a Dockerfile; what begins with an arrow is a symlink's target. */
function contextOf(dockerfile: string, files: Readonly<Record<string, string | Buffer>> = {}): string {
  const directory = temporaryDirectory()
  for (const [name, content] of Object.entries({ ...files, Dockerfile: dockerfile })) {
    const path = join(directory, name)
    mkdirSync(dirname(path), { recursive: true })
    if (typeof content === 'string' && content.startsWith('-> ')) symlinkSync(content.slice(3), path)
    else writeFileSync(path, content)
  }
  return directory
}

/** What a script prints in the image that a context makes. */
async function printed(context: string, script: string): Promise<string[]> {
  const image = await place.engine.build(context)
  const { stdout } = await place.engine.run(image.id, ['sh', '-c', script]).rm().output()
  return stdout.trim().split('\n')
}

const described = (...paths: string[]) => `stat -c '%n %a %u:%g' ${paths.join(' ')}`

describe('COPY', () => {
  it('puts files of the context where Docker does, as whom it is told', async () => {
    const context = contextOf(
      [
        'FROM busybox',
        'RUN echo "app:x:1000:1001::/:/bin/sh" >>/etc/passwd && ln -s /real /link && mkdir -m 1777 /shared',
        'WORKDIR /srv/app',
        'COPY a ./',
        'COPY --chown=app --chmod=u=rw,go= a b ../both/',
        'COPY dir /link',
        'COPY --chown=7 dir/sub/deep /shared/',
        'COPY <<EOF /text',
        'hello',
        'EOF',
      ].join('\n'),
      { a: 'A', b: 'B', 'dir/sub/deep': 'deep', 'dir/link': '-> sub/deep' },
    )
    expect(
      await printed(
        context,
        `pwd; cat a /link/sub/deep /text; readlink /link/link; ${described('/srv', '/srv/app', '/srv/both', '/srv/both/b', '/real', '/real/sub', '/shared', '/shared/deep', '/text')}`,
      ),
    ).toEqual([
      '/srv/app',
      'Adeephello',
      'sub/deep',
      '/srv 755 0:0',
      '/srv/app 755 0:0',
      '/srv/both 755 1000:1001',
      '/srv/both/b 600 1000:1001',
      '/real 755 0:0',
      '/real/sub 755 0:0',
      '/shared 1777 0:0',
      '/shared/deep 644 7:7',
      '/text 644 0:0',
    ])
  })

  it('takes files of stages, by name and number, of images and of named contexts, with owners, links and capabilities', async () => {
    const named = temporaryDirectory()
    writeFileSync(join(named, 'n'), 'named')
    const context = contextOf(
      [
        'FROM busybox AS files',
        'RUN mkdir /out && echo x >/out/one && ln /out/one /out/two && chown -R 5:6 /out && chmod 750 /out/one',
        'FROM busybox',
        'COPY --from=files /out /by-name',
        'COPY --from=0 /out/o* /by-number/',
        'COPY --from=busybox /bin/busybox /program',
        'COPY --from=more n /n',
      ].join('\n'),
    )
    const image = await place.engine.build(context, { buildContext: { more: named } })
    const script = `${described('/by-name', '/by-name/one', '/by-number/one', '/program')}; cat /n; echo; stat -c %h /by-name/two`
    const { stdout } = await place.engine.run(image.id, ['sh', '-c', script]).rm().output()
    expect(stdout.trim().split('\n')).toEqual([
      '/by-name 755 0:0',
      '/by-name/one 750 5:6',
      '/by-number/one 750 5:6',
      '/program 755 0:0',
      'named',
      '2',
    ])
  })

  it('is found again by what is copied, not by when, and made again for another mode', async () => {
    const context = contextOf('FROM busybox\nCOPY dir /dir\nCOPY missing* a /a/', { 'dir/f': 'x', a: '' })
    const first = await place.engine.build(context)
    utimesSync(join(context, 'dir/f'), 1, 1)
    expect((await place.engine.build(context)).id).toBe(first.id)
    chmodSync(join(context, 'dir/f'), 0o755)
    expect((await place.engine.build(context)).id).not.toBe(first.id)
  })

  it('makes no layer of what is there already, and says in the history what BuildKit says', async () => {
    const context = contextOf(
      'FROM busybox\nWORKDIR /bin\nWORKDIR /new\nCOPY --chown=1 --chmod=644 a b ./x/\nADD a /\nCOPY <<E /e\n\nE',
      {
        a: '',
        b: '',
      },
    )
    const image = await place.engine.build(context)
    const history = (await image.history()).map((entry) => entry.createdBy)
    expect(history.slice(0, 5).reverse()).toEqual([
      'WORKDIR /bin',
      'WORKDIR /new',
      'COPY --chown=1 --chmod=644 a b ./x/ # buildkit',
      'ADD a / # buildkit',
      'COPY <<E /e # buildkit',
    ])
  })

  it.each([
    ['COPY missing /', 'failed to compute cache key: "/missing": not found'],
    ['COPY --from=busybox /missing /', 'failed to compute cache key: "/missing": not found'],
    ['COPY ../x /', 'forbidden path outside the build context: ../x ()'],
    ['COPY dir /bin/busybox', 'cannot copy to non-directory: /bin/busybox'],
    ['COPY --chown=nobody-here dir /d', "can't find uid for user nobody-here: no such user: nobody-here"],
  ])('%s is refused, with its place', async (instruction, message) => {
    const context = contextOf(`FROM busybox\n\n${instruction}`, { 'dir/f': '' })
    await expect(place.engine.build(context)).rejects.toMatchObject({
      name: 'BuildError',
      message: expect.stringContaining(message),
      file: 'Dockerfile',
      line: 3,
      instruction,
    })
  })

  it('reaches nothing of the host through symlinks of the image or the context', async () => {
    const outside = temporaryDirectory()
    writeFileSync(join(outside, 'canary'), 'alive')
    const up = '../'.repeat(12)
    const context = contextOf(
      [
        'FROM busybox AS base',
        `RUN ln -s ${up}${outside} /out && ln -s ${outside}/canary /file`,
        'FROM base',
        'COPY a /out/canary',
        'COPY a /file',
        'FROM scratch AS stolen',
        'COPY --from=base /out/canary /',
      ].join('\n'),
      { a: 'taken', secret: `-> ${outside}/canary` },
    )
    await place.engine.build(context, { target: '1' })
    await expect(place.engine.build(context, { target: 'stolen' })).rejects.toThrow('not found')
    const copying = contextOf('FROM scratch\nCOPY secret /', { secret: `-> ${outside}/canary` })
    await expect(place.engine.build(copying)).rejects.toThrow('not found')
    expect(readFileSync(join(outside, 'canary'), 'utf8')).toBe('alive')
  })
})

describe('ADD', () => {
  it('extracts archives of the context, and downloads URLs', async () => {
    const tar = archive({ name: 'd/f', content: 'from the archive', mode: 0o640, uid: 3, gid: 4 })
    const server = createServer((_, response) => response.end(gzipSync(tar)))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(async () => void (await new Promise((resolve) => server.close(resolve))))
    const url = `http://127.0.0.1:${(server.address() as { port: number }).port}/x.tgz`
    const context = contextOf(
      `FROM busybox\nADD a.tgz /local\nADD ${url} /kept/\nADD --unpack=true ${url} /unpacked/`,
      { 'a.tgz': gzipSync(tar) },
    )
    expect(
      await printed(
        context,
        `cat /local/d/f /unpacked/d/f; echo; ${described('/local', '/local/d/f', '/kept/x.tgz', '/unpacked/d/f')}`,
      ),
    ).toEqual([
      'from the archivefrom the archive',
      '/local 755 0:0',
      '/local/d/f 640 3:4',
      '/kept/x.tgz 600 0:0',
      '/unpacked/d/f 640 3:4',
    ])
  })
})

describe('WORKDIR', () => {
  it('makes directories as the user of the image, and resolves symlinks within it', async () => {
    const context = contextOf('FROM busybox\nRUN ln -s /real /link\nUSER 12:13\nWORKDIR /link/a\nWORKDIR b')
    expect(await printed(context, `pwd; ${described('/real', '/real/a', '/real/a/b')}`)).toEqual([
      '/real/a/b',
      '/real 755 12:13',
      '/real/a 755 12:13',
      '/real/a/b 755 12:13',
    ])
  })

  it('that is a file is refused', async () => {
    await expect(place.engine.build(contextOf('FROM busybox\nWORKDIR /etc/passwd/x'))).rejects.toThrow(
      'mkdir /etc/passwd/x: not a directory',
    )
  })
})
