import { expect, test } from 'vitest'
import { SyscallError } from './index.js'
import { reporting } from './system.js'

const failing = (error: Error) => ({
  async [Symbol.asyncDispose]() {
    throw error
  },
})

test('tells what failed first, when what it has made cannot be undone either', async () => {
  const first = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', syscall: 'write' })
  const failed = reporting('cannot build', async () => {
    await using _outer = failing(new Error('the outer one stays'))
    await using _inner = failing(new Error('so does the inner one'))
    throw first
  })
  await expect(failed).rejects.toBeInstanceOf(SyscallError)
  await expect(failed).rejects.toMatchObject({ cause: first, details: { errno: 'ENOSPC' } })
})
