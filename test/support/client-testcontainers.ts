import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { ClientTarget } from './client-target.js'

/** Has the testcontainers of this process, which has not used them yet, find the target; by itself nothing is reaped. */
export async function useTestcontainers(target: ClientTarget): Promise<void> {
  // Its locks stay behind.
  const temporary = join(target.directory, 'tmp')
  await mkdir(temporary)
  Object.assign(process.env, target.env, {
    TMPDIR: temporary,
    TESTCONTAINERS_RYUK_DISABLED: 'true',
    // A machine that is itself a container would be thought to be one beside those of the tests.
    TESTCONTAINERS_HOST_OVERRIDE: 'localhost',
  })
}
