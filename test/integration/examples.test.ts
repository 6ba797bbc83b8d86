import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { startRegistry } from '../support/registry.js'

const run = promisify(execFile)
const path = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url))

test('the quickstart makes an image of the host’s programs, runs it and tells how long a start takes', async () => {
  const { stdout } = await run(path('node_modules/.bin/tsx'), [path('examples/quickstart.ts')])
  expect(stdout).toMatch(/^image [0-9a-f]{12}, made of this machine's own programs$/m)
  expect(stdout).toMatch(/^uid=0\(root\)/m)
  expect(stdout).toContain(`Node ${process.version} as process 1`)
  expect(stdout).toMatch(/^a container from call to result: \d+\.\d ms/m)
})

test('the images example moves images in every way, and through a registry', async () => {
  await using registry = await startRegistry()
  const env = { ...process.env, INBOARD_REGISTRY: registry.host }
  const { stdout } = await run(path('node_modules/.bin/tsx'), [path('examples/images.ts')], { env })
  expect(stdout).toContain('made tools:1 and tools:latest\nweb has 2 layers\nsaved and loaded ')
  expect(stdout).toContain('changed: A /greeting\nstep of 6 bytes: /bin/sh -c echo hello >/greeting\n')
  expect(stdout).toContain('flat has 1 layer\nit says hello\n')
  const [, pushed] = /^pushed (sha256:[0-9a-f]{64})$/m.exec(stdout) ?? []
  expect(stdout).toContain(`pulled ${registry.host}/greeting@${pushed}\n`)
})

test('the network example reaches a program by its name, by a published port, and from a container that came later', async () => {
  const { stdout } = await run(path('node_modules/.bin/tsx'), [path('examples/network.ts')])
  expect(stdout).toContain('a neighbour is told: hello ::ffff:10.77.0.3\n')
  expect(stdout).toContain('this machine is told: hello ::ffff:10.77.0.1\n')
  expect(stdout).toContain('who came later is told: hello ::ffff:10.77.0.99\n')
  expect(stdout).toMatch(/^on the network: web at 10\.77\.0\.2\/24$/m)
})

test('the lifecycle example watches a service that fails and is started again', async () => {
  const { stdout } = await run(path('node_modules/.bin/tsx'), [path('examples/lifecycle.ts')])
  const lines = stdout.trim().split('\n')
  // Events come when they come.
  expect(lines).toContain('service ended with 3')
  expect(lines.filter((line) => !line.startsWith('service ended'))).toEqual([
    'healthy',
    'the container reads: from the host',
    expect.stringMatching(/^\d+ processes, the first of them \/bin\/sh -c touch \/ready; while test/),
    'after exit code 3 it is running again, restarted 1 time',
    'copied back: from the host',
    'what happened: create, start, health_status: healthy, extract-to-dir, top, die, start, health_status: healthy, archive-path, kill, kill, die, stop, destroy',
  ])
})

test('the build example tells what it finds and does, and builds from the cache when it does so again', async () => {
  const { stdout } = await run(path('node_modules/.bin/tsx'), [path('examples/build.ts')])
  const [found, ...lines] = stdout.trim().split('\n')
  expect(found).toBe('13: MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label')
  expect(lines[0]).toMatch(/^! MaintainerDeprecated \(line 13\)/)
  expect(lines.slice(1, -5).sort()).toEqual([
    '✓ [names 1/2] FROM tools AS names',
    '✓ [names 2/2] RUN echo $NAME >/name',
    '✓ [stage-2 1/4] FROM tools',
    '✓ [stage-2 2/4] COPY --from=words /greeting /',
    '✓ [stage-2 3/4] COPY --from=names /name /',
    '✓ [stage-2 4/4] COPY greet.sh /bin/greet',
    '✓ [words 1/2] FROM tools AS words',
    '✓ [words 2/2] RUN echo hello >/greeting',
  ])
  expect(lines.slice(-5)).toEqual([
    'built greeting:1',
    'hello',
    'inboard',
    expect.stringMatching(/^again in \d+ ms: the same image$/),
    'wrote its files into a directory',
  ])
})
