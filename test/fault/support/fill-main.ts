import { writeSync } from 'node:fs'
import { failpoints } from '../../../src/errors/failpoint.js'
import { withFileLock } from '../../../src/host/index.js'
import { fill } from '../../../src/volume/fill.js'
import { fillSource } from '../../../src/volume/fill-fixture.js'

/** What a process is to fill, and at which call of a failpoint it is to die. */
export interface FillLife {
  readonly layers: readonly string[]
  readonly target: string
  readonly staging: string
  readonly lock: string
  readonly point?: { readonly name: string; readonly call: number }
}

// The entry of a process that tests start and kill: LIFE-AS-JSON. Says when it begins, and whether it has filled.
const { layers, target, staging, lock, point } = JSON.parse(process.argv[2] as string) as FillLife
let calls = 0
if (point !== undefined)
  failpoints.set(point.name, () => {
    if (++calls === point.call) process.kill(process.pid, 'SIGKILL')
  })
const request = { source: fillSource(layers, 'data'), target, staging }
writeSync(1, 'begun\n')
const isFilled = await withFileLock(lock, () => fill(request))
writeSync(1, isFilled ? 'filled\n' : 'nothing to do\n')
