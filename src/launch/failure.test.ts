import { constants } from 'node:os'
import { expect, test } from 'vitest'
import { launchError } from './failure.js'
import { opcodes } from './protocol.gen.js'

const failed = (operation: 'execute' | 'mount', errno: number, text: string) =>
  launchError(
    { type: 'failed', step: 1, opcode: opcodes[operation], errno, section: 2, text },
    ['section', operation],
    'cannot start x',
  )

test.each([
  ['ENOENT', 'nosuch', 'PROGRAM_NOT_FOUND', 127, 'executable file not found in $PATH'],
  ['ENOENT', '/nosuch', 'PROGRAM_NOT_FOUND', 127, 'no such file or directory'],
  ['EACCES', '/etc', 'PROGRAM_NOT_EXECUTABLE', 126, 'permission denied'],
  ['ENOEXEC', '/x', 'PROGRAM_NOT_EXECUTABLE', 126, 'exec format error'],
] as const)('%s of the program %s is %s with exit code %i', (errno, program, code, exitCode, text) => {
  const error = failed('execute', constants.errno[errno], program)
  expect(error).toMatchObject({ code, exitCode, message: expect.stringContaining(text) })
})

test('any other step is the engine’s failure and names itself', () => {
  const error = failed('mount', constants.errno.EPERM, '/proc')
  expect(error).toMatchObject({
    code: 'LAUNCH_FAILED',
    exitCode: 125,
    details: { step: 1, operation: 'mount', errno: 1, path: '/proc' },
  })
  expect(error.message).toMatch(
    /^cannot start x: step 1 \(mount\) failed while .*: EPERM: operation not permitted, '\/proc'$/,
  )
})
