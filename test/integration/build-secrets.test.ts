import { execFile } from 'node:child_process'
import { cp, readdir, readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { contextOf } from '../support/build-context.js'
import { buildTrials } from '../support/build-trials.js'

const execute = promisify(execFile)

const trials = buildTrials(['busybox', 'debian'])
const { build, logOf, failureOf, inside, builderOf } = trials

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
    const directory = contextOf({ key: 'of a file\n' })
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
    const building = trials.host.engine.build(undefined, {
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
    const { stdout } = await execute('grep', ['-rlasF', '--', text, trials.host.directory]).catch(({ stdout }) => ({
      stdout,
    }))
    return stdout
  }
})

describe('RUN --mount=type=ssh', () => {
  /** OpenSSH's client of agents, with what it needs, as a context. */
  async function clientContext(): Promise<string> {
    const context = contextOf({})
    const { stdout } = await execute('ldd', ['/usr/bin/ssh-add'])
    const libraries = [...stdout.matchAll(/(\/\S+)/g)].map(([, path]) => path as string)
    for (const path of ['/usr/bin/ssh-add', ...libraries])
      await cp(path, join(context, basename(path)), { dereference: true })
    return context
  }

  const list = '/lib64/ld-linux-x86-64.so.2 --library-path /opt /opt/ssh-add -l'

  async function makeKey() {
    const path = join(contextOf({}), 'key')
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
