import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { temporaryDirectory } from '../host/fixture.js'
import { describeTree } from '../layer/fixture.js'

/** A directory made by a shell script. */
export function makeTree(directory: string, script: string): string {
  mkdirSync(directory, { recursive: true })
  execFileSync('bash', ['-ec', script], { cwd: directory })
  return directory
}

/** A volume with a neighbour that nothing of it may reach, in either direction. */
export function besideCanary(script: string) {
  const base = temporaryDirectory()
  const outside = makeTree(join(base, 'outside'), 'mkdir in; echo secret-canary >canary; echo secret-canary >in/canary')
  const volume = makeTree(join(base, 'volume'), script.replaceAll('$OUTSIDE', outside))
  const before = describeTree(outside)
  const verify = () => {
    expect(describeTree(outside)).toEqual(before)
    expect(readdirSync(base).sort()).toEqual(['outside', 'volume'])
  }
  return { outside, volume, verify }
}

// renameat2(RENAME_EXCHANGE) as fast as it goes, forever.
const swapping = `
import ctypes, sys
libc = ctypes.CDLL(None)
a, b = [name.encode() for name in sys.argv[1:]]
if libc.renameat2(-100, a, -100, b, 2) != 0: sys.exit('cannot exchange')
print('swapping', flush=True)
while True: libc.renameat2(-100, a, -100, b, 2)`

/** Has another process exchange two names of a directory without end, until the test has ended. */
export async function swapForever(directory: string, one: string, other: string): Promise<void> {
  const swapper = spawn('python3', ['-c', swapping, join(directory, one), join(directory, other)])
  const ended = once(swapper, 'exit')
  onTestFinished(async () => {
    swapper.kill('SIGKILL')
    await ended
  })
  await Promise.race([
    once(swapper.stdout, 'data'),
    ended.then(() => {
      throw new Error('The swapper cannot swap.')
    }),
  ])
}
