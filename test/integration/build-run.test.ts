import { readlink } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { contextOf } from '../support/build-context.js'
import { buildTrials } from '../support/build-trials.js'

const trials = buildTrials()
const { build, logOf, failureOf, inside } = trials

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
    const before = (await trials.host.engine.images.list()).length
    await failureOf('RUN echo once > /file && false')
    expect(await logOf('RUN echo once > /file && false || cat /file')).toBe('once\n')
    expect((await trials.host.engine.containers.list({ all: true })).length).toBe(0)
    expect((await trials.host.engine.images.list()).length).toBe(before + 1)
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
    const namespace = await readlink('/proc/self/ns/net')
    const allow = ['network.host'] as const
    expect(await logOf('RUN --network=host readlink /proc/self/ns/net', { allow })).toBe(`${namespace}\n`)
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

describe('a build that is stopped', () => {
  test('ends its program at once, and leaves nothing', async () => {
    const context = contextOf({ f: 'f' })
    const stop = new AbortController()
    const building = trials.host.engine.build(context, {
      dockerfile: 'FROM busybox\nRUN --mount=target=/c,rw --mount=type=cache,target=/k echo started; sleep 1000',
      signal: stop.signal,
    })
    const loop = async () => {
      for await (const event of building) if (event.kind === 'log') stop.abort(new Error('stopped'))
    }
    await expect(loop()).rejects.toThrow('stopped')
    expect(await trials.host.engine.containers.list({ all: true })).toEqual([])
    expect(await trials.host.leaks()).toEqual([])
    // Nobody has the cache any more.
    expect(await logOf('RUN --mount=type=cache,target=/k,sharing=locked echo free')).toBe('free\n')
  })
})
