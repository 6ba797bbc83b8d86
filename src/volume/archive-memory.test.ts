import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../host/fixture.js'
import { makeTree } from './copy-fixture.js'

const gigabyte = 1024 ** 3

/** How much the memory of a process of its own grows, in megabytes, at its worst. */
function growthOf(body: string): number {
  const at = (file: string) => JSON.stringify(join(import.meta.dirname, file))
  const program = `
    import { readFileSync } from 'node:fs'
    import { exportTree, importTree } from ${at('archive.ts')}
    import { copyIn } from ${at('copy-in.ts')}
    import { copyOut } from ${at('copy-out.ts')}
    const place = (directory) => ({ root: { directory }, kind: 'volume', name: 'v' })
    const megabytes = (what) => Number(new RegExp(what + ':\\\\s+(\\\\d+)').exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024
    const before = megabytes('VmRSS')
    ${body}
    console.log(megabytes('VmHWM') - before)`
  const options = ['--import', 'tsx', '--input-type=module', '-e', program]
  return Number(execFileSync(process.execPath, options, { encoding: 'utf8' }))
}

test('a gigabyte goes through export and import, and is copied in and out, in little memory', () => {
  const directory = temporaryDirectory()
  const [from, to] = ['from', 'to'].map((name) => makeTree(join(directory, name), 'true')) as [string, string]
  makeTree(from, 'for i in 1 2 3 4; do head -c 268435456 /dev/urandom >$i; done')
  const [a, b] = [JSON.stringify(from), JSON.stringify(to)]
  const growths = {
    piped: growthOf(`await importTree({ directory: ${b} }, exportTree({ directory: ${a} }))`),
    copiedIn: growthOf(`await copyIn(${a}, place(${b}), '/')`),
    copiedOut: growthOf(`await copyOut(place(${b}), '/from', ${b} + '/out')`),
  }
  expect(Object.values(growths).filter((megabytes) => megabytes > 200)).toEqual([])
  for (const copy of ['', 'from', 'out']) {
    const sizes = ['1', '2', '3', '4'].map((name) => statSync(join(to, copy, name)).size)
    expect(sizes.reduce((sum, size) => sum + size)).toBe(gigabyte)
  }
  execFileSync('cmp', [join(from, '3'), join(to, 'out/3')])
}, 180_000)
