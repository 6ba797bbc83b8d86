import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestEngine, testEngine } from '../support/engine.js'
import { type VitestProject, vitestProject } from '../support/vitest-project.js'

let root: TestEngine
let project: VitestProject

beforeAll(async () => {
  root = await testEngine(['busybox'])
  project = await vitestProject(root)
})

afterAll(async () => {
  await project[Symbol.asyncDispose]()
  await root[Symbol.asyncDispose]()
})

const head = `
  import { containers } from 'inboard/vitest'
  import { describe, expect, test as base } from 'vitest'
  import { tell, told } from './facts.js'
  const serve = (word) => ['sh', '-c', 'mkdir /www; echo ' + word + ' >/www/index.html; exec httpd -f -p 80 -h /www']
  const isLogged = async (container, line) => {
    for await (const { text } of container.logs({ follow: true })) if (text.includes(line)) return
  }
  const ask = ['sh', '-c', 'until wget -qO- http://db/; do sleep 0.05; done']
`

test('gives tests, hooks and other fixtures what the definitions make, and leaves nothing', async () => {
  const { exitCode, output, tests } = await project.run({
    'stories.test.js': `${head}
      const test = base
        .extend(containers({
          db: (e) => e.run('busybox', serve('hello')),
          client: async (e, { db }) => e.run('busybox', ['sleep', '1000']).env({ DB: (await db).name }),
          data: (e) => e.volume(),
        }, { scope: 'file' }))
        .extend({ answer: async ({ client }, use) => use((await client.exec(ask)).stdout) })
      test.beforeAll(async ({ db }) => expect((await db.inspect()).State.Status).toBe('running'))
      test('finds another by its name', async ({ answer }) => expect(answer).toBe('hello\\n'))
      test('is made after what it needs', async ({ client, db }) =>
        expect((await client.exec(['sh', '-c', 'echo $DB'])).stdout).toBe(db.name + '\\n'))
      test('is a volume', async ({ data }) => expect((await data.inspect()).Driver).toBe('local'))
    `,
  })
  expect(tests, output).toEqual({
    'finds another by its name': 'passed',
    'is made after what it needs': 'passed',
    'is a volume': 'passed',
  })
  expect(exitCode).toBe(0)
  expect(await root.engine.volumes.list()).toEqual([])
  expect(await root.leaks()).toEqual([])
})

test('shows what containers have logged with the error of the test that has used them', async () => {
  const { output, junit, tests } = await project.run({
    'logs.test.js': `${head}
      const logging = (...lines) => (e) => e.run('busybox', ['sh', '-c', lines.map((l) => 'echo ' + l).join(';') + '; sleep 1000'])
      const fixtures = {
        used: logging('one', 'two', 'three'),
        unused: logging('never-shown'),
        needed: logging('of-what-it-needs'),
        web: async (e, { needed }) => (await needed, logging('of-web')(e)),
      }
      const test = base.extend(containers(fixtures, { logs: 2 }))
      test('fails alone', async ({ used }) => {
        await isLogged(used, 'three')
        throw new Error('it is wrong', { cause: new Error('a cause of its own') })
      })
      const shared = base.extend(containers(fixtures, { scope: 'file', logs: 2 }))
      shared.beforeAll(({ unused }) => isLogged(unused, 'never-shown'))
      shared('fails with what is shared', async ({ web }) => {
        await isLogged(web, 'of-web')
        expect(1).toBe(2)
      })
      shared('passes', async ({ used }) => isLogged(used, 'three'))
      base.extend(containers(fixtures, { logs: 0 }))('wants no logs', async ({ used }) => {
        await isLogged(used, 'three')
        throw new Error('without logs')
      })
    `,
  })
  expect(tests).toMatchObject({ 'fails alone': 'failed', 'fails with what is shared': 'failed', passes: 'passed' })
  for (const report of [output, junit.replaceAll('&apos;', "'")]) {
    expect(report).toMatch(
      /it is wrong[\s\S]*a cause of its own[\s\S]*Logs of containers: used \(running\):\n\s+two\n\s+three\n/,
    )
    expect(report).toMatch(
      /expected 1 to be 2[\s\S]*needed \(running\):\n\s+of-what-it-needs\n\s*\n?\s*web \(running\):\n\s+of-web\n/,
    )
    expect(report).not.toContain('never-shown')
    expect(report.split('Logs of containers')).toHaveLength(3)
  }
  expect(await root.leaks()).toEqual([])
})

test('makes fixtures once for each test, file or worker, lazily', async () => {
  const definitions = `
    import { tell } from './facts.js'
    import { containers } from 'inboard/vitest'
    import { test as base } from 'vitest'
    const made = (name) => (e) => (tell(name), e.run('busybox', ['sleep', '1000']))
    export const test = base
      .extend(containers({ ofWorker: made('worker'), unused: made('unused') }, { scope: 'worker' }))
      .extend(containers({ ofFile: made('file') }, { scope: 'file' }))
      .extend(containers({ ofTest: made('test') }))
  `
  const tests = `
    import { tell } from './facts.js'
    import { test } from './fixtures.js'
    for (const name of ['first', 'second'])
      test(name, async ({ ofTest, ofFile, ofWorker }) => tell('ids ' + [ofTest.id, ofFile.id, ofWorker.id].join(' ')))
  `
  const { exitCode, facts } = await project.run(
    { 'fixtures.js': definitions, 'a.test.js': tests, 'b.test.js': tests },
    ['--no-isolate', '--maxWorkers=1', '--no-file-parallelism'],
  )
  expect(exitCode).toBe(0)
  const ids = facts.filter((fact) => fact.startsWith('ids')).map((fact) => fact.split(' ').slice(1))
  expect([0, 1, 2].map((scope) => new Set(ids.map((each) => each[scope])).size)).toEqual([4, 2, 1])
  expect(facts.filter((fact) => !fact.startsWith('ids')).sort()).toEqual([
    ...['file', 'file', 'test', 'test', 'test', 'test', 'worker'],
  ])
  expect(await root.leaks()).toEqual([])
})

test('keeps files that run at the same time, and concurrent tests, apart', async () => {
  const tests = (word: string, other: string) => `${head}
    const definitions = {
      db: (e) => e.run('busybox', serve(${JSON.stringify(word)})),
      client: async (e, { db }) => (await db, e.run('busybox', ['sleep', '1000'])),
    }
    const test = base.extend(containers(definitions, { scope: 'file' }))
    test('${word} sees its own', async ({ client }) => {
      tell('${word}')
      await expect.poll(() => told(), { timeout: 60_000 }).toContain('${other}')
      for (let n = 0; n < 5; n++) expect((await client.exec(ask)).stdout).toBe('${word}\\n')
    })
    const each = base.extend(containers({
      db: (e) => e.run('busybox', ['sh', '-c', 'mkdir /www; hostname >/www/index.html; exec httpd -f -p 80 -h /www']),
      client: definitions.client,
    }))
    describe('concurrent', () => {
      for (const n of [1, 2, 3])
        each.concurrent('${word} ' + n, async ({ db, client, expect }) =>
          expect((await client.exec(ask)).stdout).toBe(db.id.slice(0, 12) + '\\n'))
    })
  `
  const {
    output,
    exitCode,
    tests: all,
  } = await project.run({ 'left.test.js': tests('left', 'right'), 'right.test.js': tests('right', 'left') }, [
    '--maxWorkers=2',
  ])
  expect(exitCode, output).toBe(0)
  expect(Object.keys(all)).toHaveLength(8)
  expect(await root.leaks()).toEqual([])
})

test('tells why a fixture cannot be made, once, and what cannot be undone', async () => {
  const { output, tests, facts } = await project.run({
    'failures.test.js': `${head}
      const test = base.extend(containers({
        db: (e) => {
          tell('tried')
          throw new Error('never ready')
        },
        web: async (e, { db }) => e.run('busybox').env({ DB: (await db).name }),
        left: (e) => e.defer(() => { throw new Error('cannot be undone') }),
        hen: async (e, { egg }) => egg,
        egg: async (e, { hen }) => hen,
      }, { scope: 'file' }))
      test('one', async ({ db }) => {})
      test('two', async ({ db }) => {})
      test('three', async ({ web }) => {})
      test('without it', () => {})
      test('round', async ({ hen }) => {})
      test('left', async ({ left }) => {})
    `,
  })
  expect(tests).toEqual({
    one: 'failed',
    two: 'failed',
    three: 'failed',
    'without it': 'passed',
    round: 'failed',
    left: 'passed',
  })
  expect(facts).toEqual(['tried'])
  expect(output.match(/^Error: never ready$/gm)).toHaveLength(1)
  expect(output).toContain('need each other')
  expect(output).toContain('cannot be undone')
  expect(await root.leaks()).toEqual([])
})

test('ends what is still being made when its test is over', async () => {
  const { output, tests } = await project.run({
    'late.test.js': `${head}
        const test = base.extend(containers({
          db: async (e) => {
            const db = await e.run('busybox', ['sleep', '1000'])
            e.defer(() => tell('ended'))
            await expect.poll(() => told(), { timeout: 60_000 }).toContain('go on')
            return db
          },
        }))
        test('late', { timeout: 500 }, async ({ db }) => {})
        test('next', () => tell('go on'))
      `,
  })
  expect(tests).toEqual({ late: 'failed', next: 'passed' })
  expect(output).toContain('timed out in 500ms')
  expect(await root.leaks()).toEqual([])
})

test('shows what a container has logged that has ended, and is gone', async () => {
  const { output } = await project.run({
    'ended.test.js': `${head}
      const test = base.extend(containers({ db: (e) => e.run('busybox', ['sh', '-c', 'echo begun; sleep 1000']) }))
      test('has lost it', async ({ db }) => {
        await isLogged(db, 'begun')
        const removed = db.wait({ condition: 'removed' })
        await db.kill()
        await removed
        throw new Error('cannot be reached')
      })
    `,
  })
  expect(output).toMatch(/cannot be reached[\s\S]*Logs of containers: db \(ended\):\n\s+begun\n/)
  expect(await root.leaks()).toEqual([])
})

test('clones a container for each test of one that was made once', async () => {
  const { exitCode, output, facts } = await project.run({
    'clones.test.js': `${head}
      import { perTest } from 'inboard/vitest'
      const test = base.extend(containers({
        db: perTest(
          (e) => (tell('made'), e.run('busybox', ['httpd', '-f', '-p', '80', '-h', '/www']).volume('/www')),
          (db) => db.exec(['sh', '-c', 'echo filled | tee /file /www/index.html']),
        ),
        client: async (e, { db }) => (await db, e.run('busybox', ['sleep', '1000'])),
      }))
      for (const n of ['1', '2', '3'])
        test.concurrent(n, async ({ db, client, expect }) => {
          expect((await db.exec(['cat', '/file', '/www/index.html'])).stdout).toBe('filled\\nfilled\\n')
          await db.exec(['sh', '-c', 'echo of ' + n + ' | tee /file /www/index.html'])
          expect((await client.exec(ask)).stdout).toBe('of ' + n + '\\n')
        })
    `,
  })
  expect(exitCode, output).toBe(0)
  expect(facts).toEqual(['made'])
  expect(await root.engine.snapshots.list()).toEqual([])
  expect(await root.leaks()).toEqual([])
})

test('leaves nothing when a worker is killed', async () => {
  const { exitCode, facts } = await project.run({
    'killed.test.js': `${head}
      const test = base.extend(containers({ db: (e) => e.run('busybox', ['sleep', '1000']).volume('/data') }, { scope: 'file' }))
      test('is killed', ({ db }) => {
        tell(db.id)
        process.kill(process.pid, 'SIGKILL')
      })
    `,
  })
  expect(facts).toHaveLength(1)
  expect(exitCode).not.toBe(0)
  // Whoever looks next forgets its record; all else was gone before.
  expect(await root.engine.containers.list({ all: true })).toEqual([])
  expect(await root.leaks()).toEqual([])
})

test('removes the snapshots of workers that were killed when it takes one', async () => {
  const files = (then: string) => ({
    'killed.test.js': `${head}
      import { perTest } from 'inboard/vitest'
      const test = base.extend(containers({ db: perTest((e) => e.run('busybox', ['sleep', '1000']).volume('/data')) }))
      test('has a clone', ({ db }) => {
        tell(db.name)
        ${then}
      })
    `,
  })
  expect((await project.run(files("process.kill(process.pid, 'SIGKILL')"))).exitCode).not.toBe(0)
  expect(await root.engine.snapshots.list()).toHaveLength(1)
  const { exitCode, output } = await project.run(files(''))
  expect(exitCode, output).toBe(0)
  expect(await root.engine.snapshots.list()).toEqual([])
  expect(await root.engine.containers.list({ all: true })).toEqual([])
  expect(await root.leaks()).toEqual([])
})
