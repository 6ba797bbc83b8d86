import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const run = promisify(execFile)
const path = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url))

test('the quickstart makes an image of the host’s programs, runs it and tells how long a start takes', async () => {
  const { stdout } = await run(path('node_modules/.bin/tsx'), [path('examples/quickstart.ts')])
  expect(stdout).toMatch(/^image [0-9a-f]{12}, made of this machine's own programs$/m)
  expect(stdout).toMatch(/^uid=0\(root\)/m)
  expect(stdout).toContain(`Node ${process.version} as process 1`)
  expect(stdout).toMatch(/^a container from call to result: \d+\.\d ms/m)
})
